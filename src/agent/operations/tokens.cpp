// `tandem init --token`: a new join token. Idempotent in the sense that the last one made is the one that counts.
#include "agent/operations/tokens.hpp"

#include "agent/agent.hpp"
#include "agent/operations/all.hpp"
#include "peer/authority.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

std::vector<std::string> addresses_of(const model::Server& server) {
  std::vector<std::string> addresses{server.address};
  if (server.address6) addresses.push_back(*server.address6);
  if (!server.peer_address.empty() && server.peer_address != server.address) addresses.push_back(server.peer_address);
  return addresses;
}

Result<Json> open_token(const OperationContext& context, const Membership& membership, const model::Pair& pair) {
  TANDEM_TRY(const std::string authority, peer::fingerprint(membership.identity.authority));
  TANDEM_TRY(const peer::JoinToken token, peer::make_token(authority));
  const JoinRecord record = open_record(token, context.ports().clock.wall_time());
  TANDEM_CHECK(save_record(context.ports().files, context.agent().settings().state_folder, record));
  const model::Server& server = *pair.server(membership.server);
  const std::string host = server.peer_address.empty() ? server.address : server.peer_address;
  Json others = Json::array();
  for (const auto& other : pair.servers)
    if (other.name != membership.server) others.push_back(other.name);
  return Json{{"token", peer::to_text(token)},
              {"address", pair.port == model::Pair{}.port ? host : peer::to_text(peer::Address{host, pair.port})},
              {"expires", std::chrono::system_clock::to_time_t(record.expires)},
              {"others", std::move(others)}};
}

namespace {

Result<Json> make_another(OperationContext& context) {
  const Settings& settings = context.agent().settings();
  TANDEM_TRY(const auto pair, context.load_pair());
  TANDEM_TRY(const auto membership, load_membership(context.ports().files, settings.state_folder));
  if (!membership) return fail(ErrorKind::refused, "this server belongs to no pair yet");
  if (pair->server(membership->server) == nullptr)
    return fail(ErrorKind::refused, fmt::format("tandem.toml no longer has this server, {}", membership->server));
  if (pair->servers.size() < 2)
    return fail(ErrorKind::refused, "tandem.toml has no other server that could join",
                "Add a [[server]] for it, then ask again");
  return open_token(context, *membership, *pair);
}

} // namespace

Operation token_operation() {
  return {.name = "token", .callers = {Caller::command}, .locks = {"membership"}, .run = make_another};
}

} // namespace tandem::agent
