// One server's half of plan and apply.
#include "agent/server_setup.hpp"

#include "agent/agent.hpp"
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

Result<Json> apply_server(OperationContext& context) {
  AskedTurns turns(context, context.from());
  return apply_here(context, context.params(), turns);
}

// Asked for by this server itself. Of services that both servers have, the primary keeps the turns.
Result<Json> repair(OperationContext& context, Turns& turns) {
  const KeptOrders kept(context.ports().files, context.agent().settings().state_folder);
  TANDEM_TRY(auto orders, kept.latest());
  if (!orders) return fail(ErrorKind::refused, "no apply has ended well here since the latest one that did not");
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  if (!does_its_duty(context.agent(), snapshot.server, primary))
    return fail(ErrorKind::refused,
                snapshot.server + " neither serves nor follows now; what its role asks for goes first");
  (*orders)["primary"] = primary;
  if (primary != snapshot.server) {
    AskedTurns asked(context, primary);
    return repair_here(context, *orders, asked);
  }
  turns.begin();
  OwnTurns own(turns, snapshot.server);
  return repair_here(context, *orders, own);
}

Result<Json> accounts(OperationContext& context) {
  TANDEM_TRY(const auto table, context.ports().accounts.read());
  Json users = Json::array();
  for (const auto& user : table.users)
    users.push_back({user.name, user.uid});
  return Json{{"users", std::move(users)}};
}

} // namespace

Operation server_accounts_operation() {
  return {.name = "server.accounts", .callers = {Caller::peer}, .run = accounts};
}

Operation server_plan_operation() {
  return {.name = "server.plan", .callers = {Caller::peer}, .run = plan_server};
}

Operation server_apply_operation() {
  return {.name = "server.apply", .callers = {Caller::peer}, .lock = "apply", .apart = true, .run = apply_server};
}

Operation repair_operation(std::shared_ptr<Turns> turns) {
  return {.name = "repair", .callers = {}, .lock = "apply", .apart = true, .run = [turns](OperationContext& context) {
            return repair(context, *turns);
          }};
}

Operation turn_take_operation(std::shared_ptr<Turns> turns) {
  return {.name = "turn.take", .callers = {Caller::peer}, .run = [turns](OperationContext& context) -> Result<Json> {
            TANDEM_TRY(const auto what, peer::text_member(context.params(), "reaction"));
            TANDEM_CHECK(turns->take(what, context.from(), turn_limit));
            return Json::object();
          }};
}

Operation turn_give_operation(std::shared_ptr<Turns> turns) {
  return {.name = "turn.give", .callers = {Caller::peer}, .run = [turns](OperationContext& context) -> Result<Json> {
            TANDEM_TRY(const auto what, peer::text_member(context.params(), "reaction"));
            turns->give_back(what, context.from(), context.params().value("done", true));
            return Json::object();
          }};
}

} // namespace tandem::agent
