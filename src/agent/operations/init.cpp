// `tandem init`: the first server of a pair. Idempotent: killed at any point it is done again from what lies there,
// and pair.json, written last, says that it has been done.
#include "agent/agent.hpp"
#include "agent/operations/all.hpp"
#include "agent/operations/tokens.hpp"
#include "peer/authority.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

// The authority of an init that was killed, or a new one.
Result<peer::Authority> find_or_make_authority(const OperationContext& context, const std::string& pair_name) {
  system::Ports& ports = context.ports();
  const auto certificate = ports.files.read(context.agent().identity_path("ca.pem"));
  const auto key = ports.files.read(context.agent().identity_path("ca.key"));
  if (certificate && key)
    if (auto old = peer::Authority::load(*certificate, *key)) return old;
  context.report("making the pair's certificate authority");
  return peer::Authority::make(pair_name, ports.clock.wall_time());
}

Result<Membership> make_membership(const OperationContext& context, const model::Pair& pair,
                                   const model::Server& server) {
  const WallTime now = context.ports().clock.wall_time();
  TANDEM_TRY(const peer::Authority authority, find_or_make_authority(context, pair.name));
  TANDEM_TRY(const peer::CertifiedKey issued,
             authority.issue(peer::server_subject(server.name, addresses_of(server)), now, peer::server_lifetime));
  TANDEM_TRY(std::string pair_id, peer::random_hex(8));
  return Membership{
      std::move(pair_id), server.name, {authority.certificate(), issued.certificate, issued.key}, authority.key()};
}

Result<Json> already(const Snapshot& snapshot, const std::string& wanted) {
  if (!wanted.empty() && wanted != snapshot.server)
    return fail(ErrorKind::refused,
                fmt::format("this server is {} of its pair already, not {}", snapshot.server, wanted));
  return Json{{"server", snapshot.server}, {"pair", snapshot.pair ? snapshot.pair->name : ""}, {"already", true}};
}

Result<Json> init(OperationContext& context) {
  TANDEM_TRY(const std::string wanted, peer::text_member_or(context.params(), "server", ""));
  Agent& agent = context.agent();
  if (const Snapshot snapshot = context.snapshot(); !snapshot.pair_id.empty()) return already(snapshot, wanted);

  const Settings& settings = agent.settings();
  system::Files& files = context.ports().files;
  TANDEM_TRY(const Configuration configuration, read_configuration(files, settings.configuration_file));
  const model::Pair& pair = *configuration.pair;
  TANDEM_TRY(const std::string name,
             choose_server(pair, {wanted, settings.machine.host_name, settings.machine.addresses}));
  context.report(fmt::format("this server is {} of pair {}", name, pair.name));

  TANDEM_CHECK(make_state_folders(files, settings.state_folder));
  TANDEM_TRY(const Membership membership, make_membership(context, pair, *pair.server(name)));
  Json answer{{"server", name}, {"pair", pair.name}, {"already", false}};
  if (pair.servers.size() > 1) {
    TANDEM_TRY(const Json token, open_token(context, membership, pair));
    answer.update(token);
  }
  if (settings.found) TANDEM_CHECK(settings.found(context, membership));
  TANDEM_CHECK(save_membership(files, settings.state_folder, membership));
  agent.on_loop([&] { agent.become_member(membership, configuration.pair); });
  if (const std::string problem = context.snapshot().problem; !problem.empty()) context.report("warning: " + problem);
  return answer;
}

} // namespace

Operation init_operation() {
  return {.name = "init", .callers = {Caller::command}, .locks = {"membership"}, .needs_pair = false, .run = init};
}

} // namespace tandem::agent
