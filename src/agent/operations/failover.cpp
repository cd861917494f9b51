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

// The sites are down: an apply that is under way here ends after the change at hand, and a repair as well.
Result<void> begin(OperationContext& context, DutyKeeper& keeper, const role::Opening& opening,
                   const std::set<std::string>& off) {
  auto& agent = context.agent();
  for (bool told = false;; told = true) {
    std::string in_its_way;
    Result<void> begun;
    agent.on_loop([&] {
      in_its_way = agent.ask_to_end("apply");
      if (!in_its_way.empty()) return;
      note_off(keeper, opening.id, off);
      begun = keeper.runs().begin(opening);
    });
    if (in_its_way.empty()) return begun;
    if (!told) context.report("waiting for " + in_its_way + ", which ends after the change at hand");
    if (context.cancelled()) return fail(ErrorKind::unavailable, "the agent stops");
    system::pause_thread(std::chrono::milliseconds(20));
  }
}

Result<Json> fail_over(OperationContext& context, DutyKeeper& keeper) {
  TANDEM_CHECK(context.load_pair());
  TANDEM_TRY(const auto wish, wish_of(context.params()));
  auto& agent = context.agent();
  TANDEM_TRY(const auto survey, take_survey(agent));
  TANDEM_TRY(const auto opening, failover_opening(agent, keeper, wish, survey));
  const bool own = context.snapshot().standing.primary == opening.to;
  const auto known =
      own ? fmt::format("{} was the primary itself: it has all that it acknowledged, and lacks what {} did "
                        "if that took over since.",
                        opening.to, opening.from)
          : told(survey, opening.to, opening.from);
  const auto hindered = check_failover(agent, wish, opening);
  if (context.params().value("dry_run", false)) {
    Json answer{{"text", known + "\n\n" + role::dry_run(role::failover(), opening)}};
    if (!hindered) answer["refused"] = describe(hindered.error());
    return answer;
  }
  TANDEM_CHECK(hindered);
  context.report(known);
  TANDEM_CHECK(begin(context, keeper, opening, wish.alone));
  TANDEM_TRY(auto answer, watch_run(context, keeper, opening.id));
  answer["wal"] = survey.wal;
  answer["committed_to"] = survey.committed_to;
  answer["files_to"] = survey.files_to;
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
