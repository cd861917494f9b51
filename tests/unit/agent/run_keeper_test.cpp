// Runbooks in two real agents: their journals, halts, interruptions and failures. What the steps do is the test's.
#include "role_pair.hpp"

namespace tandem::agent {
namespace {

using role::Ending;
using role::RecordKind;
using testing::eventually;
using testing::RolePair;

struct RunKeeperTest : RolePair {
  // What uno had sent to duo before is there, and answered: each status goes to duo and back behind it.
  void let_messages_pass() {
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(uno->ask("status"));
  }
};

// What is asked of that server when all goes well.
std::vector<std::string> all_calls(const std::string& server) {
  std::vector<std::string> calls;
  for (const auto& step : role::switchover().steps) {
    if (role::server_of(step, RolePair::opening()) != server) continue;
    const std::string id(step.id);
    if (!step.precondition.empty()) calls.push_back(id + " precondition");
    calls.push_back(id + " action");
    if (!step.check.empty()) calls.push_back(id + " check");
  }
  return calls;
}

// Of what was told, the calls of steps in order.
std::vector<std::string> calls_of(testing::Stage& stage) {
  std::vector<std::string> calls;
  for (const auto& line : stage.told()) {
    const auto step = line.substr(0, line.find(' '));
    if (role::switchover().step(step) != nullptr && line != "follow uno" && line != "follow duo") calls.push_back(line);
  }
  return calls;
}

TEST_F(RunKeeperTest, ARunGoesThroughAllStepsEachOnItsServerAndBothKeepItsRecords) {
  begin();
  ASSERT_TRUE(eventually([&] { return uno.ending() == Ending::done && duo.ending() == Ending::done; }));
  EXPECT_EQ(calls_of(uno.stage), all_calls("uno"));
  EXPECT_EQ(calls_of(duo.stage), all_calls("duo"));
  EXPECT_TRUE(eventually([&] { return uno.records().size() == duo.records().size(); }));
  EXPECT_TRUE(eventually([&] { return duo.duty() == "serve" && uno.duty() == "follow duo"; }));
}

TEST_F(RunKeeperTest, NoGrantIsBegunBeforeTheOtherServerHasStoredTheJournal) {
  duo.stage.hold("records arrive");
  begin();
  // The grant would follow in the same turn of the loop in which the step before it is recorded as done.
  ASSERT_TRUE(eventually([&] { return uno.has_record(RecordKind::after, "confirm-wal"); }));
  EXPECT_FALSE(uno.has_record(RecordKind::before, "grant"));
  EXPECT_TRUE(duo.records().empty());
  EXPECT_EQ(uno.stage.count("grant action"), 0U);
  uno.stage.hold("grant action");
  duo.stage.release("records arrive");
  ASSERT_TRUE(eventually([&] { return uno.stage.count("grant action") == 1; }));
  EXPECT_TRUE(duo.has_record(RecordKind::after, "confirm-wal")) << "all that comes before the grant";
  uno.stage.release("grant action");
  EXPECT_TRUE(eventually([&] { return uno.ending() == Ending::done && duo.ending() == Ending::done; }));
}

TEST_F(RunKeeperTest, RecordsThatGotLostAreSentAgain) {
  duo.stage.fails("records arrive", "lost");
  begin();
  ASSERT_TRUE(eventually([&] { return uno.has_record(RecordKind::after, "confirm-wal"); }));
  // Nothing is written any more; one message may be under way, and those after it are the timer's.
  const auto arrived = duo.stage.count("records arrive");
  ASSERT_TRUE(eventually([&] { return duo.stage.count("records arrive") >= arrived + 2; }));
  duo.stage.fails("records arrive", "");
  EXPECT_TRUE(eventually([&] { return duo.ending() == Ending::done; }));
}

TEST_F(RunKeeperTest, InterruptedBeforeTheGrantItIsUndoneByTheAgentThatStartsAgain) {
  uno.halt_at("drain before");
  begin();
  ASSERT_TRUE(eventually([&] { return uno.has_record(RecordKind::before, "drain"); }));
  uno.stop();
  uno.stage.forget();
  uno.go_on();
  uno.start();
  ASSERT_TRUE(eventually([&] { return uno.ending() == Ending::undone; }));
  EXPECT_EQ(calls_of(uno.stage), (std::vector<std::string>{"close-gate undo", "calm undo", "end-work undo"}))
      << "backwards, not anew";
  EXPECT_EQ(uno.epoch(), 1U);
  EXPECT_TRUE(eventually([&] { return uno.duty() == "serve" && duo.ending() == Ending::undone; }));
}

TEST_F(RunKeeperTest, InterruptedAfterTheGrantTheNewPrimaryFinishesIt) {
  duo.halt_at("promote before");
  begin();
  ASSERT_TRUE(eventually([&] { return duo.has_record(RecordKind::before, "promote"); }));
  duo.stop();
  EXPECT_EQ(duo.stage.count("promote action"), 0U);
  duo.stage.forget();
  duo.go_on();
  duo.start();
  EXPECT_TRUE(eventually([&] { return uno.ending() == Ending::done && duo.ending() == Ending::done; }));
  EXPECT_EQ(calls_of(duo.stage).front(), "promote action") << "from where it stood";
  EXPECT_EQ(duo.epoch(), 2U);
}

TEST_F(RunKeeperTest, TheHaltFileMakesItStandStillBeforeAStepOrAfterItUntilItIsGone) {
  uno.halt_at("warm before");
  begin();
  ASSERT_TRUE(eventually([&] { return uno.has_record(RecordKind::before, "warm"); }));
  let_messages_pass();
  EXPECT_EQ(duo.stage.count("warm action"), 0U);
  uno.halt_at("warm after");
  ASSERT_TRUE(eventually([&] { return duo.stage.count("ended: warm action") == 1; }));
  let_messages_pass();
  EXPECT_EQ(duo.stage.count("warm check"), 0U);
  EXPECT_FALSE(uno.has_record(RecordKind::after, "warm")) << "done, but not in the journal";
  uno.go_on();
  EXPECT_TRUE(eventually([&] { return uno.has_record(RecordKind::after, "warm"); }));
  EXPECT_TRUE(eventually([&] { return uno.ending() == Ending::done; }));
}

TEST_F(RunKeeperTest, TheOperatorMayAbortBeforeTheGrantOnly) {
  const auto abort = [](DutyKeeper& keeper) { return keeper.runs().abort("a test"); };
  EXPECT_EQ(uno.with(abort).error().message, "no runbook is open");
  uno.halt_at("drain before");
  begin();
  ASSERT_TRUE(eventually([&] { return uno.has_record(RecordKind::before, "drain"); }));
  ASSERT_TRUE(eventually([&] { return duo.has_record(RecordKind::before, "drain"); }));
  EXPECT_EQ(duo.with(abort).error().kind, ErrorKind::refused) << "uno carries it out";
  EXPECT_TRUE(uno.with(abort));
  uno.go_on();
  ASSERT_TRUE(eventually([&] { return uno.ending() == Ending::undone; }));
  EXPECT_EQ(uno.stage.count("close-sockets action"), 0U);
  EXPECT_EQ(uno.stage.count("close-gate undo"), 1U);

  duo.halt_at("promote before");
  auto second = opening();
  second.id = "run-again";
  begin(second);
  ASSERT_TRUE(eventually([&] { return duo.has_record(RecordKind::before, "promote"); }));
  for (auto* server : {&uno, &duo}) {
    const auto refused = server->with(abort);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::refused);
    EXPECT_NE(refused.error().message.find("the grant has been given"), std::string::npos) << refused.error().message;
  }
  duo.go_on();
  EXPECT_TRUE(eventually([&] { return uno.ending() == Ending::done; }));
}

TEST_F(RunKeeperTest, AStepThatFailsBeforeTheGrantTurnsTheRunBack) {
  duo.stage.fails("confirm-wal action", "it lags");
  begin();
  ASSERT_TRUE(eventually([&] { return uno.ending() == Ending::undone && duo.ending() == Ending::undone; }));
  EXPECT_EQ(uno.stage.count("grant action"), 0U);
  EXPECT_NE(uno.status()["run"]["text"].get<std::string>().find("it lags"), std::string::npos);
  EXPECT_EQ(uno.epoch(), 1U);
}

TEST_F(RunKeeperTest, WhatFailsAfterTheGrantIsTriedEverLessOften) {
  duo.stage.fails("promote action", "not yet");
  begin();
  ASSERT_TRUE(eventually([&] { return duo.stage.count("promote action") == 4; }));
  duo.stage.fails("promote action", "");
  ASSERT_TRUE(eventually([&] { return duo.ending() == Ending::done; }));
  const auto times = duo.stage.times_of("promote action");
  // A timer may come late on a busy machine, but never early.
  for (std::size_t i = 1; i < 4; ++i)
    EXPECT_GE(times[i] - times[i - 1], std::chrono::milliseconds(100) * (1 << i)) << i;
}

TEST_F(RunKeeperTest, AStepThatTakesLongerThanItsLimitTurnsTheRunBackAndItsLateEndChangesNothing) {
  uno.stage.hold("drain action"); // whose limit the run's parameter "drain" gives: a second
  uno.stage.hold("close-gate undo");
  begin();
  ASSERT_TRUE(eventually([&] { return uno.stage.count("close-gate undo") == 1; }));
  uno.stage.release("drain action");
  ASSERT_TRUE(eventually([&] { return uno.stage.count("ended: drain action") == 1; }));
  uno.with([](DutyKeeper& keeper) { keeper.think(); }); // the loop has had its turn
  EXPECT_FALSE(uno.has_record(RecordKind::after_undo, "close-gate")) << "it was taken for the end of another call";
  uno.stage.release("close-gate undo");
  ASSERT_TRUE(eventually([&] { return uno.ending() == Ending::undone; }));
  const auto run = uno.status()["run"];
  EXPECT_NE(run["text"].get<std::string>().find("took longer than 1.0 s"), std::string::npos) << run;
  EXPECT_FALSE(run["open"].get<bool>());
}

TEST_F(RunKeeperTest, OneRunAtATimeAndTheNextOnceItHasEnded) {
  uno.halt_at("drain before");
  begin();
  const auto run_again = [&] {
    auto second = opening();
    second.id = "run-again";
    return uno.with([&](DutyKeeper& keeper) { return keeper.runs().begin(second); });
  };
  const auto refused = run_again();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_EQ(uno->loop().on([&] { return uno->agent().runbook(); }), "a test") << "operations are kept apart";
  ASSERT_TRUE(eventually([&] { return uno.has_record(RecordKind::before, "drain"); }));
  EXPECT_TRUE(uno.with([](DutyKeeper& keeper) { return keeper.runs().abort("a test"); }));
  uno.go_on();
  ASSERT_TRUE(eventually([&] { return uno.ending() == Ending::undone; }));
  EXPECT_TRUE(run_again());
  EXPECT_TRUE(eventually([&] { return uno.ending() == Ending::done; }));
}

TEST_F(RunKeeperTest, RecordsThatAreNotOfThePresentRunAreRefused) {
  const auto take = [&](role::Opening run) {
    role::Record record;
    record.author = "uno";
    record.number = 1;
    record.opening = std::move(run);
    return duo.with([&](DutyKeeper& keeper) { return keeper.runs().take_records("uno", {record}); });
  };
  auto evil = opening();
  evil.id = "../role.json";
  EXPECT_EQ(take(evil).error().kind, ErrorKind::invalid);
  auto old = opening(1);
  EXPECT_EQ(take(old).error().kind, ErrorKind::refused) << "its epoch is taken already";
  auto of_another = opening();
  of_another.from = "tre";
  of_another.leader = "tre";
  EXPECT_EQ(take(of_another).error().kind, ErrorKind::refused);
  EXPECT_EQ(take(opening()).value(), 1U);
}

} // namespace
} // namespace tandem::agent
