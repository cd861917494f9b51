// One server's half of plan and apply.
#include "agent/server_setup.hpp"

#include "agent/agent.hpp"
#include "agent/operations/setup.hpp"
#include "agent/turns.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::minutes turn_limit{5};

// Turns are kept where the apply runs; that server asks itself as well, over its own table.
class AskedTurns final : public converge::ReactionTurns {
public:
  explicit AskedTurns(OperationContext& context) : context_(context) {}

  Result<void> take(const converge::Reaction& reaction) override {
    TANDEM_CHECK(context_.call_peer(context_.from(), "turn.take", {{"reaction", converge::to_text(reaction)}}, {},
                                    {.time_limit = turn_limit}));
    return {};
  }

  // A lost answer is no harm: the coordinator forgets what a server holds when its apply has ended.
  void give_back(const converge::Reaction& reaction, bool done) override {
    [[maybe_unused]] const auto answer =
        context_.call_peer(context_.from(), "turn.give", {{"reaction", converge::to_text(reaction)}, {"done", done}});
  }

private:
  OperationContext& context_;
};

Result<SetupInput> input_of(OperationContext& context) {
  TANDEM_TRY(auto packed,
             unpack(context.params().value("configuration", Json()), context.agent().settings().configuration_file));
  TANDEM_TRY(const auto primary, peer::text_member(context.params(), "primary"));
  SetupInput input{.pair = *packed.configuration.pair,
                   .self = context.snapshot().server,
                   .primary = primary,
                   .uids = {},
                   .secrets = std::move(packed.secrets)};
  const auto uids = context.params().value("uids", Json::object());
  for (const auto& user : input.pair.users) {
    TANDEM_TRY(const auto uid, peer::number_member(uids, user.name));
    input.uids[user.name] = static_cast<std::uint32_t>(uid);
  }
  return input;
}

// The file that the plan comes from replaces the one that lies here, which may be of the same meaning.
bool gets_another_file(OperationContext& context) {
  const auto& path = context.agent().settings().configuration_file;
  const auto packed = unpack(context.params().value("configuration", Json()), path);
  const auto own = context.ports().files.read(path);
  return packed && (!own || *own != packed->configuration.text);
}

Result<Json> plan_server(OperationContext& context) {
  TANDEM_TRY(const auto input, input_of(context));
  TANDEM_TRY(auto planned, plan_here(context, input));
  if (gets_another_file(context))
    planned["text"] = fmt::format("{}: tandem.toml becomes the one of {}\n{}", input.self, context.from(),
                                  planned["text"].get<std::string>());
  return planned;
}

Result<Json> apply_server(OperationContext& context) {
  TANDEM_TRY(const auto input, input_of(context));
  AskedTurns turns(context);
  return apply_here(context, input, turns);
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
