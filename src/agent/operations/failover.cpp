#include "agent/operations/failover.hpp"

#include "agent/failover_steps.hpp"
#include "agent/operations/watched_run.hpp"
#include "role/failover.hpp"

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
  Result<void> begun;
  agent.on_loop([&] {
    note_off(keeper, opening.id, wish.alone);
    begun = keeper.runs().begin(opening);
  });
  TANDEM_CHECK(begun);
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
