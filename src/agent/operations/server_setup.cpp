// One server's half of plan and apply.
#include "agent/server_setup.hpp"

#include "agent/agent.hpp"
#include "agent/host_keys.hpp"
#include "agent/operations/setup.hpp"
#include "agent/orders.hpp"
#include "agent/reaction_turns.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

// The file that the plan comes from replaces the one that lies here, which may be of the same meaning.
bool gets_another_file(OperationContext& context) {
  const auto& path = context.agent().settings().configuration_file;
  const auto packed = unpack(context.params().value("configuration", Json()), path);
  const auto own = context.ports().files.read(path);
  return packed && (!own || *own != packed->configuration.text);
}

Result<Json> plan_server(OperationContext& context) {
  TANDEM_TRY(const auto input, input_of(context.agent(), context.params()));
  TANDEM_TRY(auto planned, plan_here(context.agent(), input));
  if (gets_another_file(context))
    planned["text"] = fmt::format("{}: tandem.toml becomes the one of {}\n{}", input.self, context.from(),
                                  planned["text"].get<std::string>());
  return planned;
}

Result<Json> apply_server(OperationContext& context, ReleaseWork& releases) {
  AskedTurns turns(context, context.from(), TurnOf::apply);
  return apply_here(context, context.params(), turns, releases.applications);
}

// Asked for by this server itself. Of services that both servers have, the primary keeps the turns.
Result<Json> repair(OperationContext& context, ReleaseWork& releases) {
  const KeptOrders kept(context.ports().files, context.agent().settings().state_folder);
  TANDEM_TRY(auto orders, kept.latest());
  if (!orders) return fail(ErrorKind::refused, "no apply has ended well here since the latest one that did not");
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  bool on_duty = false;
  context.agent().on_loop([&] { on_duty = context.agent().on_duty(); });
  if (!on_duty)
    return fail(ErrorKind::refused,
                snapshot.server + " neither serves nor follows now; what its role asks for goes first");
  (*orders)["primary"] = primary;
  if (primary == snapshot.server) {
    OwnTurns own(context.agent().turns(), snapshot.server, TurnOf::repair);
    return repair_here(context, *orders, own, releases.applications);
  }
  AskedTurns asked(context, primary, TurnOf::repair);
  return repair_here(context, *orders, asked, releases.applications);
}

Result<Json> accounts(OperationContext& context) {
  TANDEM_TRY(const auto table, context.ports().accounts.read());
  Json users = Json::array();
  for (const auto& user : table.users)
    users.push_back({user.name, user.uid});
  Json groups = Json::array();
  for (const auto& group : table.groups)
    groups.push_back({group.name, group.gid});
  return Json{{"users", std::move(users)}, {"groups", std::move(groups)}};
}

} // namespace

Operation server_accounts_operation() {
  return {.name = "server.accounts", .callers = {Caller::peer}, .run = accounts};
}

Operation server_host_keys_operation() {
  return {.name = "server.host_keys", .callers = {Caller::peer}, .run = [](OperationContext& context) {
            return host_keys_here(context.ports().files);
          }};
}

Operation server_plan_operation() {
  return {.name = "server.plan", .callers = {Caller::peer}, .run = plan_server};
}

Operation server_apply_operation(std::shared_ptr<ReleaseWork> releases) {
  return {.name = "server.apply",
          .callers = {Caller::peer},
          .locks = {"apply"},
          .apart = true,
          .run = [releases](OperationContext& context) { return apply_server(context, *releases); }};
}

Operation repair_operation(std::shared_ptr<ReleaseWork> releases) {
  return {.name = "repair",
          .callers = {},
          .locks = {"apply"},
          .urgency = Urgency::own,
          .apart = true,
          .run = [releases](OperationContext& context) { return repair(context, *releases); }};
}

Operation turn_take_operation() {
  return {.name = "turn.take", .callers = {Caller::peer}, .run = [](OperationContext& context) -> Result<Json> {
            TANDEM_TRY(const auto what, peer::text_member(context.params(), "reaction"));
            const auto whose = context.params().value("repair", false) ? TurnOf::repair : TurnOf::apply;
            TANDEM_CHECK(context.agent().turns().take(what, context.from(), turn_limit, whose));
            // It may be gone since it asked, and nobody would give the turn back.
            if (!context.is_heard()) context.agent().turns().give_back(what, context.from(), true);
            return Json::object();
          }};
}

Operation turn_give_operation() {
  return {.name = "turn.give", .callers = {Caller::peer}, .run = [](OperationContext& context) -> Result<Json> {
            TANDEM_TRY(const auto what, peer::text_member(context.params(), "reaction"));
            context.agent().turns().give_back(what, context.from(), context.params().value("done", true));
            return Json::object();
          }};
}

} // namespace tandem::agent
