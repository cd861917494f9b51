#include "agent/role_binding.hpp"

#include "agent/duties.hpp"
#include "agent/role_keeper.hpp"

#include <nlohmann/json.hpp>

#include <mutex>

namespace tandem::agent {

namespace {

// The keeper needs the agent, and the agent's settings need the keeper: it is made at the first call.
class LateKeeper {
public:
  explicit LateKeeper(system::Applications& applications) : applications_(applications) {}

  RoleKeeper& of(Agent& agent) {
    const std::lock_guard lock(mutex_);
    if (!keeper_) keeper_ = std::make_unique<RoleKeeper>(agent, make_duties(agent, applications_));
    return *keeper_;
  }

private:
  system::Applications& applications_;
  std::mutex mutex_;
  std::unique_ptr<RoleKeeper> keeper_; // guarded by mutex_ while it is made; afterwards it stays
};

Result<Json> take_message(OperationContext& context, LateKeeper& keeper) {
  TANDEM_TRY(const auto text, peer::text_member(context.params(), "message"));
  TANDEM_TRY(const auto message, role::decode_message(text));
  const auto snapshot = context.snapshot();
  if (message.from != context.from() || message.to != snapshot.server)
    return fail(ErrorKind::refused, "a message about roles names other servers than those that exchange it");
  context.agent().on_loop([&] { keeper.of(context.agent()).take_message(message); });
  return Json::object();
}

void add_status(const OperationContext& context, Json& status, LateKeeper& keeper) {
  Json role;
  context.agent().on_loop([&] { role = keeper.of(context.agent()).status(); });
  if (role.contains("duty_problem")) status["problems"].push_back(role["duty_problem"]);
  status["role"] = std::move(role);
}

} // namespace

void bind_role(Settings& settings, std::vector<Operation>& operations, system::Applications& applications) {
  const auto keeper = std::make_shared<LateKeeper>(applications);
  settings.found = [keeper](OperationContext& context, const Membership& membership) {
    return keeper->of(context.agent()).found(membership.server);
  };
  settings.admit = [keeper](OperationContext& context, const std::string& server) {
    return keeper->of(context.agent()).admit(server);
  };
  settings.be_admitted = [keeper](OperationContext& context, const Membership& membership, const Json& admission) {
    return keeper->of(context.agent()).be_admitted(membership.server, admission);
  };
  settings.on_member = [keeper](Agent& agent) { keeper->of(agent).start(agent.state().server); };
  settings.on_peer = [keeper](Agent& agent, const std::string& server, bool connected) {
    keeper->of(agent).peer_changed(server, connected);
  };
  settings.status_parts.push_back(
      [keeper](const OperationContext& context, Json& status) { add_status(context, status, *keeper); });
  operations.push_back({.name = "role.message", .callers = {Caller::peer}, .run = [keeper](OperationContext& context) {
                          return take_message(context, *keeper);
                        }});
}

} // namespace tandem::agent
