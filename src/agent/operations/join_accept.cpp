// The pair's side of join: whoever brings the open token gets a certificate, the authority and the configuration.
// Idempotent: the same server with the same key is answered again. Nothing changes when anything is refused.
#include "agent/agent.hpp"
#include "agent/operations/all.hpp"
#include "agent/operations/tokens.hpp"
#include "peer/authority.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

struct Claim {
  std::string secret;
  std::string request; // the signing request, PEM
  std::string key_fingerprint;
  Candidate candidate;
};

Result<Claim> read_claim(const Json& params) {
  Claim claim;
  TANDEM_TRY(claim.secret, peer::text_member(params, "secret"));
  TANDEM_TRY(claim.request, peer::text_member(params, "request"));
  TANDEM_TRY(claim.candidate.wanted, peer::text_member(params, "server"));
  TANDEM_TRY(claim.candidate.host_name, peer::text_member(params, "host_name"));
  TANDEM_TRY(claim.candidate.addresses, peer::texts_member(params, "addresses"));
  TANDEM_TRY(claim.key_fingerprint, peer::request_key_fingerprint(claim.request));
  return claim;
}

Result<Json> accept_server(OperationContext& context) {
  const Settings& settings = context.agent().settings();
  system::Ports& ports = context.ports();
  const WallTime now = ports.clock.wall_time();
  TANDEM_TRY(const Claim claim, read_claim(context.params()));
  TANDEM_TRY(auto record, load_record(ports.files, settings.state_folder));
  // Before anything else: who brings no token learns nothing about the pair.
  if (!record || peer::sha256(claim.secret) != record->secret_hash || now >= record->expires)
    TANDEM_CHECK(check_join(record, claim.secret, "", "", now));

  TANDEM_TRY(const Configuration configuration, read_configuration(ports.files, settings.configuration_file));
  const model::Pair& pair = *configuration.pair;
  TANDEM_TRY(const auto membership, load_membership(ports.files, settings.state_folder));
  if (!membership) return fail(ErrorKind::unavailable, "that server belongs to no pair yet");
  TANDEM_TRY(const std::string name, choose_server(pair, claim.candidate));
  if (name == membership->server)
    return fail(ErrorKind::refused,
                fmt::format("{} is the server that was asked, it cannot be the one that joins", name),
                "Say with --server which other server of tandem.toml this one is");
  TANDEM_CHECK(check_join(record, claim.secret, name, claim.key_fingerprint, now));

  TANDEM_TRY(const peer::Authority authority,
             peer::Authority::load(membership->identity.authority, membership->authority_key));
  TANDEM_TRY(const std::string certificate,
             authority.sign(claim.request, peer::server_subject(name, addresses_of(*pair.server(name))), now,
                            peer::server_lifetime));
  TANDEM_TRY(Json packed, pack(ports.files, configuration));
  Json admission;
  if (settings.admit) {
    TANDEM_TRY(admission, settings.admit(context, name));
  }

  record->used_by = name;
  record->used_by_key = claim.key_fingerprint;
  TANDEM_CHECK(save_record(ports.files, settings.state_folder, *record));
  context.agent().on_loop([&] {
    context.agent().adopt(configuration.pair);
    context.agent().log(fmt::format("{} at {} has joined", name, context.from()));
  });
  return Json{{"pair", membership->pair_id},      {"server", name},
              {"certificate", certificate},       {"authority", authority.certificate()},
              {"authority_key", authority.key()}, {"configuration", std::move(packed)},
              {"admission", std::move(admission)}};
}

} // namespace

Operation join_accept_operation() {
  return {.name = "join.accept", .callers = {Caller::stranger}, .locks = {"membership"}, .run = accept_server};
}

} // namespace tandem::agent
