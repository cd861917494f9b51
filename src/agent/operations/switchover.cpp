// Commands only begin runs and watch them; the agents carry them out, and go on when nobody watches.
#include "agent/operations/switchover.hpp"

#include "agent/switchover_steps.hpp"
#include "role/switchover.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using role::RecordKind;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds look_every{50};

// Follows a run by its records as they come, and tells them in the operator's words.
class Watch {
public:
  // `id`: the run's; its records may still be on their way to this server.
  Watch(OperationContext& context, DutyKeeper& keeper, std::string id)
      : context_(context), keeper_(keeper), id_(std::move(id)) {}

  // Until the run is closed. failed when it was undone, with why.
  Result<Json> run() {
    begin_ = now();
    for (;;) {
      const auto fresh = take();
      for (const auto& record : fresh)
        tell(record);
      if (closed_) return outcome();
      if (context_.cancelled())
        return fail(ErrorKind::unavailable, "the agent stops; it goes on with the runbook when it starts again",
                    "tandem resume");
      system::pause_thread(look_every);
    }
  }

private:
  nanoseconds now() { return context_.ports().clock.boot_time(); }

  std::vector<role::Record> take() {
    std::vector<role::Record> fresh;
    context_.agent().on_loop([&] {
      const auto* log = keeper_.runs().log();
      if (log == nullptr || log->records().front().opening->id != id_) return;
      const auto& records = log->records();
      opening_ = *records.front().opening;
      for (; seen_ < records.size(); ++seen_)
        fresh.push_back(records[seen_]);
    });
    return fresh;
  }

  void tell(const role::Record& record) {
    const auto* step = role::switchover().step(record.step);
    switch (record.kind) {
    case RecordKind::before:
      since_ = now();
      if (step != nullptr && step->visitors_wait && !held_since_) held_since_ = since_;
      if (step != nullptr) context_.report(role::filled(step->title, opening_));
      break;
    case RecordKind::after:
      if (record.step == "forward-gate") held_until_ = now();
      if (record.ending == role::Ending::failed && record.step == "preflight")
        refused_ = record.message;
      else if (record.ending != role::Ending::done)
        context_.report("  " + record.message);
      if (record.ending == role::Ending::left && step != nullptr)
        left_.push_back(fmt::format("\"{}\" is not done: {}", role::filled(step->title, opening_), record.message));
      break;
    case RecordKind::turned_back:
      why_back_ = record.message;
      if (refused_.empty()) context_.report("going back: " + record.message);
      break;
    case RecordKind::before_undo:
      if (step != nullptr && !step->undo.empty()) context_.report("undoing: " + role::filled(step->undo, opening_));
      break;
    case RecordKind::after_undo:
      if (record.ending == role::Ending::failed) context_.report("  " + record.message);
      break;
    case RecordKind::closed:
      closed_ = record;
      break;
    case RecordKind::opened:
      break;
    }
  }

  Result<Json> outcome() {
    if (!refused_.empty())
      return fail(ErrorKind::refused, "the switchover was refused, and nothing was changed: " + refused_,
                  "tandem status");
    if (closed_->ending == role::Ending::undone)
      return fail(ErrorKind::failed,
                  fmt::format("the switchover was undone, and {} serves on: {}", opening_.from, why_back_),
                  "tandem status; then try again");
    if (closed_->ending != role::Ending::done)
      return fail(ErrorKind::failed, "the switchover was closed: " + closed_->message, "tandem status");
    Json answer{{"from", opening_.from},
                {"to", opening_.to},
                {"epoch", opening_.epoch},
                {"ending", role::name_of(closed_->ending)},
                {"seconds", std::chrono::duration<double>(now() - begin_).count()}};
    if (held_since_ && held_until_)
      answer["held_ms"] = std::chrono::duration<double, std::milli>(*held_until_ - *held_since_).count();
    if (!left_.empty()) answer["left"] = left_;
    return answer;
  }

  OperationContext& context_;
  DutyKeeper& keeper_;
  std::string id_;
  role::Opening opening_;
  std::size_t seen_ = 0;
  nanoseconds begin_{0};
  nanoseconds since_{0};
  std::optional<nanoseconds> held_since_;
  std::optional<nanoseconds> held_until_;
  std::string why_back_;
  std::string refused_;           // why preflight did not let it begin
  std::vector<std::string> left_; // what a server that had its chances has not done
  std::optional<role::Record> closed_;
};

// The server that has to do it, when it is not this one and a person asks; the command may be typed anywhere.
std::string elsewhere(const OperationContext& context, const std::string& server) {
  return context.caller() == Caller::command && server != context.snapshot().server ? server : "";
}

Result<void> begin(OperationContext& context, DutyKeeper& keeper, const role::Opening& opening) {
  Result<void> begun;
  context.agent().on_loop([&] {
    const auto& role = keeper.role();
    const auto busy = context.agent().busy_with();
    if (role::situation_of(role.members(), role.role()) != role::Situation::serving)
      begun =
          fail(ErrorKind::refused, "this server does not serve, so that it has nothing to hand over", "tandem status");
    else if (!busy.empty())
      begun = fail(ErrorKind::refused, busy + " is under way", "Wait until it has ended; tandem status shows it");
    else
      begun = keeper.runs().begin(opening);
  });
  return begun;
}

// Asks what the first step asks, which changes nothing; the sentence for a switchover that would not begin.
std::string would_be_refused(OperationContext& context, const role::Opening& opening, const PerformStep& perform) {
  const auto& step = role::switchover().steps.front();
  const role::Call call{.server = context.snapshot().server,
                        .step = std::string(step.id),
                        .phase = role::Phase::action,
                        .opening = opening,
                        .limit = step.limit};
  const auto done = perform(call, [&context] { return context.cancelled(); });
  return done ? "" : "\nNow it would be refused: " + describe(done.error());
}

Result<Json> switch_over(OperationContext& context, DutyKeeper& keeper, const PerformStep& perform) {
  TANDEM_CHECK(context.load_pair());
  TANDEM_TRY(const auto to, peer::text_member_or(context.params(), "to", ""));
  const bool cut = context.params().value("cut_requests", false);
  const bool dry = context.params().value("dry_run", false);
  const auto primary = elsewhere(context, context.snapshot().standing.primary);
  if (!primary.empty()) {
    TANDEM_TRY(const auto begun, context.call_peer(primary, "switchover", context.params()));
    if (dry) return begun;
    TANDEM_TRY(const auto id, peer::text_member(begun, "id"));
    return Watch(context, keeper, id).run();
  }
  TANDEM_TRY(const auto opening, switchover_opening(context.agent(), keeper.role(), to, cut));
  if (dry)
    return Json{{"text", role::dry_run(role::switchover(), opening) + would_be_refused(context, opening, perform)}};
  TANDEM_CHECK(begin(context, keeper, opening));
  if (context.caller() == Caller::peer) return Json{{"id", opening.id}};
  return Watch(context, keeper, opening.id).run();
}

std::optional<role::Opening> open_run(OperationContext& context, DutyKeeper& keeper) {
  std::optional<role::Opening> opening;
  context.agent().on_loop([&] {
    if (keeper.runs().is_open()) opening = *keeper.runs().log()->records().front().opening;
  });
  return opening;
}

Result<Json> resume(OperationContext& context, DutyKeeper& keeper) {
  if (const auto opening = open_run(context, keeper)) return Watch(context, keeper, opening->id).run();
  return fail(ErrorKind::not_found, "no runbook is open; there is nothing to resume", "tandem status");
}

Result<Json> abort(OperationContext& context, DutyKeeper& keeper) {
  const auto opening = open_run(context, keeper);
  if (!opening) return fail(ErrorKind::not_found, "no runbook is open; there is nothing to abort", "tandem status");
  if (const auto server = elsewhere(context, opening->from); !server.empty()) {
    TANDEM_CHECK(context.call_peer(server, "abort", Json::object()));
  } else {
    Result<void> aborted;
    context.agent().on_loop([&] { aborted = keeper.runs().abort("the operator aborted it"); });
    TANDEM_CHECK(aborted);
  }
  if (context.caller() == Caller::peer) return Json::object();
  // That it was undone is what was asked for here.
  const auto ended = Watch(context, keeper, opening->id).run();
  return Json{{"text", ended ? "the switchover had ended already" : ended.error().message}};
}

Result<Json> show(OperationContext& context, DutyKeeper& keeper) {
  TANDEM_CHECK(context.load_pair());
  TANDEM_TRY(const auto to, peer::text_member_or(context.params(), "to", ""));
  TANDEM_TRY(const auto opening, switchover_opening(context.agent(), keeper.role(), to, false));
  return Json{{"text", role::typed(role::switchover(), opening)}};
}

Result<Json> take_records(OperationContext& context, DutyKeeper& keeper) {
  TANDEM_TRY(const auto texts, peer::texts_member(context.params(), "records"));
  std::vector<role::Record> records;
  for (const auto& text : texts) {
    TANDEM_TRY(auto record, role::decode_record(text));
    records.push_back(std::move(record));
  }
  Result<std::uint64_t> count = 0;
  context.agent().on_loop([&] { count = keeper.runs().take_records(context.from(), records); });
  TANDEM_TRY(const auto stored, count);
  return Json{{"count", stored}};
}

Result<Json> take_step(OperationContext& context, DutyKeeper& keeper, const PerformStep& perform) {
  TANDEM_TRY(const auto call, call_of(context.params()));
  Result<void> allowed;
  context.agent().on_loop([&] { allowed = keeper.runs().permits(call, context.from()); });
  TANDEM_CHECK(allowed);
  TANDEM_CHECK(perform(call, [&context] { return context.cancelled(); }));
  return Json::object();
}

Operation operation(std::string name, std::set<Caller> callers, KeeperOf keeper,
                    Result<Json> (*run)(OperationContext&, DutyKeeper&)) {
  return {.name = std::move(name), .callers = std::move(callers), .run = [keeper, run](OperationContext& context) {
            return run(context, keeper(context.agent()));
          }};
}

} // namespace

Operation switchover_operation(KeeperOf keeper, StepsOf steps) {
  return {.name = "switchover",
          .callers = {Caller::command, Caller::peer},
          .run = [keeper = std::move(keeper), steps = std::move(steps)](OperationContext& context) {
            return switch_over(context, keeper(context.agent()), steps(context.agent()));
          }};
}

Operation resume_operation(KeeperOf keeper) {
  return operation("resume", {Caller::command}, std::move(keeper), resume);
}

Operation abort_operation(KeeperOf keeper) {
  return operation("abort", {Caller::command, Caller::peer}, std::move(keeper), abort);
}

Operation runbook_operation(KeeperOf keeper) {
  return operation("runbook", {Caller::command}, std::move(keeper), show);
}

Operation run_records_operation(KeeperOf keeper) {
  return operation("run.records", {Caller::peer}, std::move(keeper), take_records);
}

Operation run_step_operation(KeeperOf keeper, StepsOf steps) {
  return {.name = "run.step",
          .callers = {Caller::peer},
          .run = [keeper = std::move(keeper), steps = std::move(steps)](OperationContext& context) {
            return take_step(context, keeper(context.agent()), steps(context.agent()));
          }};
}

} // namespace tandem::agent
