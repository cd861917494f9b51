// Commands only begin runs and watch them; the agents carry them out, and go on when nobody watches.
#include "agent/operations/switchover.hpp"

#include "agent/failover_steps.hpp"
#include "agent/operations/watched_run.hpp"
#include "agent/switchover_steps.hpp"
#include "role/failover.hpp"
#include "role/switchover.hpp"
#include "sites/layout.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

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

// Asks what the first step asks, which changes nothing; why the switchover would be refused now: "": it would not.
std::string would_be_refused(OperationContext& context, const role::Opening& opening, const PerformStep& perform) {
  const auto& step = role::switchover().steps.front();
  const role::Call call{.server = context.snapshot().server,
                        .step = std::string(step.id),
                        .phase = role::Phase::action,
                        .opening = opening,
                        .limit = step.limit};
  const auto done = perform(call, [&context] { return context.cancelled(); });
  return done ? "" : describe(done.error());
}

// Asked before the run opens, which would end an apply over there only to be refused because of it. Whether that server
// answers at all is the first step's question.
Result<void> target_is_free(OperationContext& context, const std::string& target) {
  const auto state = context.call_peer(target, "run.state", {{"id", ""}}, {}, {.time_limit = std::chrono::seconds(2)});
  const auto busy = state ? state->value("busy", "") : "";
  if (busy.empty()) return {};
  return fail(ErrorKind::refused, fmt::format("{} is under way on {}", busy, target),
              "Wait until it has ended; tandem status shows it");
}

// The other server has no release of it, and what was set up by hand beside its application does not change places.
Result<void> nothing_by_hand(const OperationContext& context) {
  const auto snapshot = context.snapshot();
  const sites::Layout layout{.state = context.agent().settings().state_folder};
  for (const auto& site : snapshot.pair ? snapshot.pair->sites : std::vector<model::Site>()) {
    TANDEM_TRY(const auto folder, context.ports().files.status(layout.site_link(site.domain)));
    TANDEM_TRY(const auto known, context.ports().files.status(layout.by_hand(site.domain)));
    if (folder && folder->type == system::FileType::folder && known)
      return fail(ErrorKind::refused, site.domain + " is still served as it was set up by hand",
                  "tandem deploy " + site.domain);
  }
  return {};
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
    return watch_run(context, keeper, id);
  }
  TANDEM_CHECK(nothing_by_hand(context));
  TANDEM_TRY(const auto opening, switchover_opening(context.agent(), keeper.role(), to, cut));
  if (dry) {
    const auto refused = would_be_refused(context, opening, perform);
    Json answer{{"text", role::dry_run(role::switchover(), opening)}};
    if (refused.empty())
      answer["text"] = answer["text"].get<std::string>() + "\nNothing is in its way now.";
    else
      answer["refused"] = refused;
    return answer;
  }
  TANDEM_CHECK(target_is_free(context, opening.to));
  TANDEM_CHECK(begin(context, keeper, opening));
  if (context.caller() == Caller::peer) return Json{{"id", opening.id}};
  return watch_run(context, keeper, opening.id);
}

std::optional<role::Opening> open_run(OperationContext& context, DutyKeeper& keeper) {
  std::optional<role::Opening> opening;
  context.agent().on_loop([&] {
    if (keeper.runs().is_open()) opening = *keeper.runs().log()->records().front().opening;
  });
  return opening;
}

Result<Json> resume(OperationContext& context, DutyKeeper& keeper) {
  if (const auto opening = open_run(context, keeper)) return watch_run(context, keeper, opening->id);
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
  const auto ended = watch_run(context, keeper, opening->id);
  return Json{{"text", ended ? "the switchover had ended already" : ended.error().message}};
}

Result<Json> show(OperationContext& context, DutyKeeper& keeper) {
  TANDEM_CHECK(context.load_pair());
  TANDEM_TRY(const auto name, peer::text_member_or(context.params(), "runbook", "switchover"));
  if (name == role::failover().name) {
    TANDEM_TRY(const auto opening, failover_opening(context.agent(), keeper, {}, {}));
    return Json{{"text", role::typed(role::failover(), opening)}};
  }
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

Result<Json> tell_state(OperationContext& context, DutyKeeper& keeper) {
  TANDEM_TRY(const auto id, peer::text_member(context.params(), "id"));
  role::Ending ending = role::Ending::none;
  std::string busy;
  context.agent().on_loop([&] {
    ending = keeper.runs().ending_of(id);
    busy = context.agent().busy_with();
  });
  return Json{{"ending", role::name_of(ending)}, {"busy", busy}};
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

Operation run_state_operation(KeeperOf keeper) {
  return operation("run.state", {Caller::peer}, std::move(keeper), tell_state);
}

Operation run_step_operation(KeeperOf keeper, StepsOf steps) {
  return {.name = "run.step",
          .callers = {Caller::peer},
          .run = [keeper = std::move(keeper), steps = std::move(steps)](OperationContext& context) {
            return take_step(context, keeper(context.agent()), steps(context.agent()));
          }};
}

} // namespace tandem::agent
