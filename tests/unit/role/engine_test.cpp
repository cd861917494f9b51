#include "base/text.hpp"
#include "role/engine.hpp"
#include "role/switchover.hpp"
#include "simulation/memory_files.hpp"

#include <gtest/gtest.h>

namespace tandem::role {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Stores every copy at once on the other server, unless it is silent.
struct Copies final : Replicas {
  bool silent = false;
  std::vector<Record> stored;

  void offer(const Opening&, const Record& record) override {
    if (!silent) stored.push_back(record);
  }

  std::uint64_t confirmed(const Opening&, const std::string&) override { return stored.size(); }
};

// A run on "uno" towards "duo", whose deeds are noted and fail where a test says so.
struct OneRun {
  tandem::testing::MemoryFiles files;
  Copies copies;
  Kept kept = first_kept(1, "uno", {});
  std::chrono::nanoseconds now{0};
  std::vector<std::string> calls; // "uno drain action"
  std::map<std::string, Error> failing;
  milliseconds duration{10};
  std::optional<Log> log;
  std::optional<Engine> engine;
  std::string self;

  explicit OneRun(std::string server = "uno") : self(std::move(server)) { start(); }

  void start() {
    log.emplace(*Log::open(*journal::Journal::open(files, "/run.journal"), self));
    engine.emplace(switchover(), self,
                   EnginePorts{*log, copies, [this]() -> const Kept& { return kept; }, [this] { return now; },
                               [] { return std::string("now"); }});
  }

  static Opening opening() {
    return {.runbook = "switchover",
            .id = "2-uno-1",
            .from = "uno",
            .to = "duo",
            .leader = "uno",
            .epoch = 2,
            .reason = "test",
            .parameters = {{"hold", "20"}, {"drain", "10"}}};
  }

  Result<void> perform(const Call& call) {
    constexpr std::array<std::string_view, 4> phases = {"precondition", "action", "check", "undo"};
    calls.push_back(fmt::format("{} {} {}", call.server, call.step, phases[static_cast<std::size_t>(call.phase)]));
    now += duration;
    if (const auto found = failing.find(call.step); found != failing.end() && call.phase != Phase::undo)
      return std::unexpected(found->second);
    if (call.step == "grant" && call.phase == Phase::action) {
      kept.epoch = 2;
      kept.primary = "duo";
      kept.granting = true;
    }
    return {};
  }

  // Until it ends or waits `waits` times.
  Operation drive(int waits = 3) {
    for (;;) {
      auto operation = engine->next();
      if (operation.kind == Operation::Kind::finished) return operation;
      if (operation.kind == Operation::Kind::wait) {
        if (--waits < 0) return operation;
        now += milliseconds(100);
        continue;
      }
      engine->complete(perform(operation.call));
    }
  }

  // This server has all that the run's old primary wrote of it, up to its grant.
  Result<void> take_over_after_the_grant() {
    OneRun old;
    TANDEM_CHECK(old.engine->open(opening()));
    old.drive();
    for (const auto& record : old.copies.stored)
      TANDEM_CHECK(log->accept(record));
    kept = old.kept;
    return {};
  }

  std::vector<std::string> undone() const {
    std::vector<std::string> steps;
    for (const auto& call : calls)
      if (call.ends_with(" undo")) steps.push_back(split(call, ' ')[1]);
    return steps;
  }
};

const Error broken{ErrorKind::failed, "it broke", {}};
const Error silent{ErrorKind::unavailable, "no answer", {}};

TEST(Engine, GoesOnTheOldPrimaryUpToTheGrantAndThenWaitsForTheNewOne) {
  OneRun run;
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  const auto operation = run.drive();
  EXPECT_EQ(operation.kind, Operation::Kind::wait);
  EXPECT_EQ(operation.message, "duo goes on with it");
  EXPECT_EQ(run.calls.front(), "uno preflight action");
  EXPECT_EQ(run.calls.back(), "uno grant action");
  EXPECT_TRUE(run.undone().empty());
}

TEST(Engine, GoesOnTheNewPrimaryFromTheGrantToTheEnd) {
  OneRun old;
  ASSERT_TRUE(old.engine->open(OneRun::opening()));
  old.drive();
  OneRun run("duo");
  for (const auto& record : old.copies.stored)
    ASSERT_TRUE(run.log->accept(record));
  run.kept = old.kept;
  const auto operation = run.drive();
  EXPECT_EQ(operation.kind, Operation::Kind::finished);
  EXPECT_EQ(operation.ending, Ending::done);
  EXPECT_EQ(operation.message, "duo is the primary");
  EXPECT_EQ(run.calls.front(), "duo take action");
  EXPECT_EQ(run.calls.back(), "duo turn-files action");
}

TEST(Engine, UndoesInReverseOrderWhenAStepBeforeTheGrantFails) {
  const auto& steps = switchover().steps;
  for (std::size_t at = 0; steps[at].side != Side::after; ++at) {
    OneRun run;
    run.failing[std::string(steps[at].id)] = broken;
    ASSERT_TRUE(run.engine->open(OneRun::opening()));
    const auto operation = run.drive();
    EXPECT_EQ(operation.ending, Ending::undone) << steps[at].id;
    EXPECT_EQ(operation.message, fmt::format("failed, undone: nothing changed, uno serves on (\"{}\" failed: it broke)",
                                             filled(steps[at].title, OneRun::opening())));
    std::vector<std::string> expected;
    for (std::size_t i = at + 1; i-- > 0;)
      if (!steps[i].undo.empty()) expected.emplace_back(steps[i].id);
    EXPECT_EQ(run.undone(), expected) << steps[at].id;
    EXPECT_EQ(run.kept.epoch, 1U);
  }
}

TEST(Engine, TurnsBackWhenVisitorsWouldHaveToWaitTooLong) {
  OneRun run;
  run.duration = seconds(4); // 15 s of 20 are for the steps before the grant
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  const auto operation = run.drive();
  EXPECT_EQ(operation.ending, Ending::undone);
  EXPECT_NE(operation.message.find("visitors had to wait too long"), std::string::npos) << operation.message;
}

TEST(Engine, GivesEachCallNoMoreTimeThanVisitorsMayStillWait) {
  OneRun run;
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  for (;;) {
    const auto operation = run.engine->next();
    ASSERT_EQ(operation.kind, Operation::Kind::perform);
    if (operation.call.step == "last-files") {
      EXPECT_EQ(operation.call.limit, seconds(3));
      break;
    }
    run.engine->complete({});
    if (operation.call.step == "drain") run.now += seconds(12);
  }
}

TEST(Engine, DoesNotGrantBeforeTheOtherServerHasStoredTheJournal) {
  OneRun run;
  run.copies.silent = true;
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  const auto operation = run.drive(2);
  EXPECT_EQ(operation.message, "duo stores the journal");
  EXPECT_NE(run.calls.back(), "uno grant action");
  EXPECT_EQ(run.drive(1000).ending, Ending::undone) << "the limit ends it";
}

TEST(Engine, GoesOnlyForwardAfterTheGrant) {
  OneRun run("duo");
  ASSERT_TRUE(run.take_over_after_the_grant());
  run.failing["promote"] = broken;
  EXPECT_EQ(run.drive(20).kind, Operation::Kind::wait);
  EXPECT_TRUE(run.undone().empty());
  const auto refused = run.engine->abort("the operator wishes it");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_NE(refused.error().hint.find("tandem switchover uno"), std::string::npos);
  EXPECT_NE(refused.error().hint.find("tandem failover"), std::string::npos);
  run.failing.clear();
  EXPECT_EQ(run.drive().ending, Ending::done);
}

TEST(Engine, LeavesTheStepsOfASilentOldPrimaryToItsOwnStart) {
  OneRun run("duo");
  ASSERT_TRUE(run.take_over_after_the_grant());
  run.failing["forward-gate"] = silent;
  run.failing["follow"] = silent;
  run.failing["turn-files"] = silent; // on duo itself, but it needs uno
  const auto operation = run.drive(100);
  EXPECT_EQ(operation.ending, Ending::done);
  EXPECT_NE(operation.message.find("left to uno's own start: Files flow from duo to uno"), std::string::npos);
  EXPECT_NE(operation.message.find("left to uno's own start: uno follows duo (no answer)"), std::string::npos)
      << operation.message;
}

TEST(Engine, AbortsBeforeTheGrant) {
  OneRun run;
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  for (int i = 0; i < 12; ++i)
    run.engine->complete(run.perform(run.engine->next().call));
  ASSERT_TRUE(run.engine->abort("the operator wishes it"));
  const auto operation = run.drive();
  EXPECT_EQ(operation.ending, Ending::undone);
  EXPECT_NE(operation.message.find("the operator wishes it"), std::string::npos);
}

TEST(Engine, UndoesEvenWhenTheJournalCannotBeWrittenAnyMore) {
  OneRun run;
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  while (run.calls.empty() || run.calls.back() != "uno drain action")
    run.engine->complete(run.perform(run.engine->next().call));
  run.files.disk_full = true;
  const auto operation = run.drive();
  EXPECT_EQ(operation.ending, Ending::undone) << operation.message;
  EXPECT_NE(operation.message.find("the journal cannot be written"), std::string::npos) << operation.message;
  EXPECT_EQ(run.undone(), (std::vector<std::string>{"close-gate", "calm", "end-work"}));
}

TEST(Engine, InterruptedAtEveryRecordOnTheOldPrimaryIsUndoneOrHandedOver) {
  OneRun whole;
  ASSERT_TRUE(whole.engine->open(OneRun::opening()));
  whole.drive();
  const auto records = whole.log->records();
  for (std::size_t count = 1; count <= records.size(); ++count) {
    for (const bool granted : {false, true}) {
      const bool before_grant = count < records.size() - 1; // the last two are before and after the grant
      if (granted == before_grant && count != records.size() - 1) continue;
      OneRun run;
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_TRUE(run.log->write(records[i]));
      if (granted) run.kept = whole.kept;
      run.start();
      run.engine->resume("the agent started again");
      const auto operation = run.drive();
      if (granted) {
        EXPECT_EQ(operation.message, "duo goes on with it") << count;
        EXPECT_TRUE(run.calls.empty());
      } else {
        EXPECT_EQ(operation.ending, Ending::undone) << count;
      }
    }
  }
}

TEST(Engine, ClosesARunThatTheHistoryHasOvertaken) {
  OneRun run;
  ASSERT_TRUE(run.engine->open(OneRun::opening()));
  run.kept.epoch = 3;
  const auto operation = run.drive();
  EXPECT_EQ(operation.ending, Ending::overtaken);
  EXPECT_TRUE(run.calls.empty());
}

TEST(Permitted, RefusesCallsThatComeLateOrFromTheWrongServer) {
  Kept kept = first_kept(1, "uno", {});
  Call call{.server = "duo", .step = "warm", .opening = OneRun::opening()};
  EXPECT_TRUE(permitted(call, "uno", kept));
  EXPECT_FALSE(permitted(call, "tre", kept));
  call.step = "promote";
  EXPECT_FALSE(permitted(call, "uno", kept)) << "not granted yet";
  kept.epoch = 2;
  kept.primary = "duo";
  call.step = "follow";
  EXPECT_TRUE(permitted(call, "duo", kept));
  EXPECT_FALSE(permitted(call, "uno", kept));
  call.step = "stop-database";
  EXPECT_FALSE(permitted(call, "duo", kept)) << "from before the grant";
  kept.epoch = 3;
  call.step = "follow";
  EXPECT_FALSE(permitted(call, "duo", kept)) << "overtaken";
}

TEST(TakesUp, ARunWhoseCoordinatorTellsOfItUnlessThisServerIsAtWorkOnAnother) {
  Kept kept = first_kept(1, "uno", {});
  auto present = *progress_of(std::vector{Record{.author = "uno", .opening = OneRun::opening()}});
  auto next = OneRun::opening();
  next.id = "2-uno-2";
  EXPECT_TRUE(takes_up(next, "uno", nullptr, kept, "duo"));
  EXPECT_FALSE(takes_up(next, "tre", nullptr, kept, "duo"));
  EXPECT_TRUE(takes_up(next, "uno", &present, kept, "duo")) << "uno has ended the one before, even if unheard";
  EXPECT_FALSE(takes_up(next, "uno", &present, kept, "uno"));
  kept.epoch = 2;
  kept.primary = "duo";
  EXPECT_FALSE(takes_up(next, "uno", nullptr, kept, "duo")) << "it comes too late";
  next.epoch = 3;
  next.from = "duo";
  next.to = "uno";
  next.leader = "duo";
  EXPECT_TRUE(takes_up(next, "duo", &present, kept, "uno")) << "duo was granted the one before and has ended it";
  present.closed = Ending::done;
  EXPECT_TRUE(takes_up(next, "duo", &present, kept, "uno"));
}

TEST(Offered, ThatARunWasOvertakenStaysWithAServerThatDoesNotCarryItOut) {
  tandem::testing::MemoryFiles files;
  Kept kept = first_kept(1, "uno", {});
  kept.latest_run = OneRun::opening().id;
  const Record first{.author = "uno", .number = 1, .opening = OneRun::opening()};
  for (const std::string self : {"uno", "duo"}) {
    auto log = *Log::open(*journal::Journal::open(files, "/offered-by-" + self), self);
    if (self == "uno")
      ASSERT_TRUE(log.write(first));
    else
      ASSERT_TRUE(log.accept(first));
    log.keep({.kind = RecordKind::closed, .ending = Ending::overtaken, .message = "a failover"});
    const auto sent = offered(log, kept, self == "uno" ? 1 : 0);
    EXPECT_EQ(sent.size(), self == "uno" ? 2U : 0U) << "a run of uno's, offered by " << self;
    kept.latest_run = "3-uno-9";
    EXPECT_TRUE(offered(log, kept, 0).empty()) << "after a power cut it would not know of this one";
    kept.latest_run = OneRun::opening().id;
  }
}

TEST(RunLog, TakesCopiesInOrderAndOnce) {
  tandem::testing::MemoryFiles files;
  auto log = *Log::open(*journal::Journal::open(files, "/copy"), "duo");
  Record record{.author = "uno", .number = 1, .opening = OneRun::opening()};
  ASSERT_TRUE(log.accept(record));
  ASSERT_TRUE(log.accept(record));
  EXPECT_EQ(log.records().size(), 1U);
  record = {.author = "uno", .number = 3, .kind = RecordKind::before, .step = "warm"};
  const auto gap = log.accept(record);
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().message, "records 2 to 2 of uno are missing here");
  EXPECT_EQ(Log::open(*journal::Journal::open(files, "/copy"), "duo")->records().size(), 1U);
}

} // namespace
} // namespace tandem::role
