#include "agent/operations/failover.hpp"

#include "agent/failover_steps.hpp"
#include "agent/operations/watched_run.hpp"
#include "role/failover.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

Result<FailoverWish> wish_of(const Json& params) {
  FailoverWish wish{.alone = {}, .stop_primary = params.value("stop_primary", false)};
  if (params.contains("alone")) {
    TANDEM_TRY(const auto names, peer::texts_member(params, "alone"));
    wish.alone.insert(names.begin(), names.end());
  }
  return wish;
}

// What this server has and what stands against the command, at one moment.
struct Prospects {
  Survey survey;
  role::Opening opening;
  std::string known; // what this server has, for a person
  Result<void> hindered;
};

Result<Prospects> prospects(OperationContext& context, DutyKeeper& keeper, const FailoverWish& wish) {
  auto& agent = context.agent();
  Prospects now;
  TANDEM_TRY(now.survey, take_survey(agent));
  TANDEM_TRY(now.opening, failover_opening(agent, keeper, wish, now.survey));
  const auto& opening = now.opening;
  const bool own = context.snapshot().standing.primary == opening.to;
  now.known = own ? fmt::format("{} was the primary itself: it has all that it acknowledged, and lacks what {} did "
                                "if that took over since.",
                                opening.to, opening.from)
                  : told(now.survey, opening.to, opening.from);
  now.hindered = check_failover(agent, wish, opening);
  return now;
}

// The sites are down: an apply or a repair that is changing this server ends after the change at hand; what is left of
// an apply waits for other servers only, and may. Empty: nothing is in the way, and the run has begun, or not, as
// `begun` says.
std::string begin(Agent& agent, DutyKeeper& keeper, const Prospects& now, const FailoverWish& wish,
                  Result<void>& begun) {
  std::string in_its_way;
  agent.on_loop([&] {
    in_its_way = agent.ask_to_end("apply");
    if (agent.changing() == 0) in_its_way.clear();
    if (!in_its_way.empty()) return;
    note_off(keeper, now.opening.id, wish.alone);
    begun = keeper.runs().begin(now.opening);
  });
  return in_its_way;
}

Result<void> wait_for_change(OperationContext& context, const std::string& in_its_way) {
  context.report("waiting for " + in_its_way + ", which ends after the change at hand");
  while (context.agent().changing() > 0) {
    if (context.cancelled()) return fail(ErrorKind::unavailable, "the agent stops");
    system::pause_thread(std::chrono::milliseconds(20));
  }
  return {};
}

Result<Json> fail_over(OperationContext& context, DutyKeeper& keeper) {
  TANDEM_CHECK(context.load_pair());
  TANDEM_TRY(const auto wish, wish_of(context.params()));
  auto& agent = context.agent();
  TANDEM_TRY(auto now, prospects(context, keeper, wish));
  if (context.params().value("dry_run", false)) {
    Json answer{{"text", now.known + "\n\n" + role::dry_run(role::failover(), now.opening)}};
    if (!now.hindered) answer["refused"] = describe(now.hindered.error());
    return answer;
  }
  TANDEM_CHECK(now.hindered);
  Result<void> begun;
  // After a wait everything is asked again: a server that was off may be back.
  for (auto busy = begin(agent, keeper, now, wish, begun); !busy.empty();
       busy = begin(agent, keeper, now, wish, begun)) {
    TANDEM_CHECK(wait_for_change(context, busy));
    TANDEM_TRY(now, prospects(context, keeper, wish));
    TANDEM_CHECK(now.hindered);
  }
  TANDEM_CHECK(begun);
  context.report(now.known);
  TANDEM_TRY(auto answer, watch_run(context, keeper, now.opening.id));
  answer["wal"] = now.survey.wal;
  answer["committed_to"] = now.survey.committed_to;
  answer["files_to"] = now.survey.files_to;
  return answer;
}

} // namespace

Operation failover_operation(KeeperOf keeper) {
  return {
      .name = "failover", .callers = {Caller::command}, .run = [keeper = std::move(keeper)](OperationContext& context) {
        return fail_over(context, keeper(context.agent()));
      }};
}

} // namespace tandem::agent
