// `tandem join`: this server's side. Idempotent: its key is kept before it asks, so that a second try after a kill
// is the same server to the pair; pair.json, written last, says that it has been done. When it is refused, nothing
// stays behind.
#include "agent/agent.hpp"
#include "agent/joining.hpp"
#include "agent/operations/all.hpp"
#include "peer/authority.hpp"
#include "peer/waiting.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds answer_limit{25};

struct Wish {
  peer::Address address;
  peer::JoinToken token;
  std::string server;
};

Result<Wish> read_wish(const Json& params) {
  Wish wish;
  TANDEM_TRY(const std::string address, peer::text_member(params, "address"));
  TANDEM_TRY(wish.address, peer::parse_address(address, model::Pair{}.port));
  TANDEM_TRY(const std::string token, peer::text_member(params, "token"));
  TANDEM_TRY(wish.token, peer::parse_token(token));
  TANDEM_TRY(wish.server, peer::text_member_or(params, "server", ""));
  return wish;
}

std::string pending_key_path(const OperationContext& context) {
  return context.agent().identity_path("join.key");
}

Result<std::string> find_or_make_key(const OperationContext& context) {
  system::Files& files = context.ports().files;
  if (auto old = files.read(pending_key_path(context)); old && peer::make_request(*old, "")) return old;
  TANDEM_TRY(std::string key, peer::make_key());
  TANDEM_CHECK(make_state_folders(files, context.agent().settings().state_folder));
  TANDEM_CHECK(files.write(pending_key_path(context), key, 0600, {}));
  return key;
}

Result<Json> ask(const OperationContext& context, const Wish& wish, const std::string& key) {
  const system::MachineFacts& machine = context.agent().settings().machine;
  TANDEM_TRY(const std::string request, peer::make_request(key, machine.host_name));
  const Json params{{"secret", wish.token.secret},
                    {"request", request},
                    {"server", wish.server},
                    {"host_name", machine.host_name},
                    {"addresses", machine.addresses}};
  peer::Loop& loop = context.agent().loop();
  const peer::Hello own{{}, {}, context.agent().boot_id(), context.agent().settings().version};
  return peer::wait_for_answer(loop, [&](peer::Session::OnEvent event, peer::Session::OnAnswer answer) {
    peer::ask_as_stranger(loop, wish.address, wish.token.authority, own, "join.accept", params, std::move(event),
                          std::move(answer), answer_limit);
  });
}

Error explain(Error error, const Wish& wish) {
  const std::string where = peer::to_text(wish.address);
  if (error.message.find("certificate required") != std::string::npos)
    return {ErrorKind::refused, fmt::format("{}: no join token is open there", where),
            "`tandem init --token` on that server makes a new one"};
  if (error.kind == ErrorKind::refused && error.hint.empty())
    error.hint = "Compare the address and the token with what `tandem init` printed on the first server";
  if (error.kind == ErrorKind::unavailable && error.hint.empty())
    error.hint = "Is it the address of the first server, does its agent run, and does a firewall between the two let "
                 "the port through?";
  return std::move(error).within(where);
}

Result<Membership> read_membership(const Json& answer, const Wish& wish, const std::string& key, WallTime now) {
  Membership membership;
  TANDEM_TRY(membership.pair_id, peer::text_member(answer, "pair"));
  TANDEM_TRY(membership.server, peer::text_member(answer, "server"));
  TANDEM_TRY(membership.identity.authority, peer::text_member(answer, "authority"));
  TANDEM_TRY(membership.identity.certificate, peer::text_member(answer, "certificate"));
  TANDEM_TRY(membership.authority_key, peer::text_member(answer, "authority_key"));
  membership.identity.key = key;
  TANDEM_TRY(const std::string fingerprint, peer::fingerprint(membership.identity.authority));
  if (!fingerprint.starts_with(wish.token.authority))
    return fail(ErrorKind::refused, "the authority that was sent is not the one that the token names");
  TANDEM_CHECK(peer::check_identity(membership.identity.certificate, key, membership.identity.authority, now));
  TANDEM_CHECK(peer::Authority::load(membership.identity.authority, membership.authority_key));
  TANDEM_TRY(const std::string name, peer::common_name(membership.identity.certificate));
  if (name != membership.server) return fail(ErrorKind::invalid, "the certificate that was sent is another server's");
  return membership;
}

Result<Json> take_over(OperationContext& context, const Wish& wish, const std::string& key, const Json& answer) {
  Agent& agent = context.agent();
  const Settings& settings = agent.settings();
  system::Ports& ports = context.ports();
  TANDEM_TRY(const Membership membership, read_membership(answer, wish, key, ports.clock.wall_time()));
  if (!answer.contains("configuration")) return fail(ErrorKind::invalid, "no configuration was sent");
  TANDEM_TRY(const Packed packed, unpack(answer["configuration"], settings.configuration_file));
  const model::Pair& pair = *packed.configuration.pair;
  if (pair.server(membership.server) == nullptr)
    return fail(ErrorKind::invalid, "the configuration that was sent does not have this server");
  context.report(fmt::format("this server is {} of pair {}", membership.server, pair.name));
  TANDEM_TRY(const bool changed, install(ports.files, settings.configuration_file, packed));
  if (changed) context.report(fmt::format("{} and its secrets are written", settings.configuration_file));
  if (settings.be_admitted) TANDEM_CHECK(settings.be_admitted(context, membership, answer.value("admission", Json())));
  TANDEM_CHECK(save_membership(ports.files, settings.state_folder, membership));
  TANDEM_CHECK(ports.files.remove(pending_key_path(context)));
  agent.on_loop([&] { agent.become_member(membership, packed.configuration.pair); });
  return Json{{"server", membership.server}, {"pair", pair.name}, {"already", false}};
}

Result<Json> join_pair(OperationContext& context) {
  TANDEM_TRY(const Wish wish, read_wish(context.params()));
  if (const Snapshot snapshot = context.snapshot(); !snapshot.pair_id.empty())
    return fail(ErrorKind::refused,
                fmt::format("this server is {} of pair {} already", snapshot.server,
                            snapshot.pair ? snapshot.pair->name : snapshot.pair_id),
                "`tandem status` shows its pair");
  TANDEM_TRY(const std::string key, find_or_make_key(context));
  context.report(fmt::format("asking {}", peer::to_text(wish.address)));
  auto answer = ask(context, wish, key);
  if (!answer) {
    // No answer may mean that it was accepted and the answer lost: then the key is needed again.
    if (answer.error().kind != ErrorKind::unavailable)
      TANDEM_CHECK(context.ports().files.remove(pending_key_path(context)));
    return std::unexpected(explain(std::move(answer).error(), wish));
  }
  return take_over(context, wish, key, *answer);
}

} // namespace

Operation join_operation() {
  return {.name = "join", .callers = {Caller::command}, .locks = {"membership"}, .needs_pair = false, .run = join_pair};
}

} // namespace tandem::agent
