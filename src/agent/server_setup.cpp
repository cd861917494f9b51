#include "agent/server_setup.hpp"

#include "agent/pair_issuer.hpp"
#include "base/text.hpp"
#include "setup/setup.hpp"
#include "sites/uwsgi.hpp"

namespace tandem::agent {

Result<std::vector<converge::Resource>> ServerSetup::resources(const SetupInput& input) {
  TANDEM_TRY(const auto os_release, ports_.files.read("/etc/os-release"));
  TANDEM_TRY(const auto release, setup::release_of(os_release));
  if (input.pair.server(input.self) == nullptr)
    return fail(ErrorKind::invalid,
                "this server is called " + input.self + ", and tandem.toml has no server of that name");
  return setup::resources({.pair = input.pair,
                           .self = input.self,
                           .primary = input.primary,
                           .release = release,
                           .uids = input.uids,
                           .ca_certificate = authority_.certificate(),
                           .secrets = input.secrets,
                           .site_unit = sites::site_unit_text({})});
}

Result<converge::Plan> ServerSetup::plan(const SetupInput& input) {
  TANDEM_TRY(const auto wanted, resources(input));
  PairIssuer issuer(authority_, ports_.clock);
  return converge::plan_only(wanted, ports_, issuer);
}

Result<converge::Applied> ServerSetup::apply(const SetupInput& input, converge::ReactionTurns& turns,
                                             converge::Observer& observer) {
  TANDEM_TRY(const auto wanted, resources(input));
  PairIssuer issuer(authority_, ports_.clock);
  converge::ApplyContext context{.ports = ports_, .issuer = issuer, .turns = turns, .observer = observer};
  return converge::apply(wanted, context);
}

Result<std::map<std::string, std::string>> read_secrets(system::Files& files,
                                                        const std::vector<model::SecretFile>& secrets) {
  std::map<std::string, std::string> contents;
  for (const auto& secret : secrets) {
    TANDEM_TRY(contents[secret.path], files.read(secret.path));
  }
  return contents;
}

std::string to_text(const converge::Applied& applied, const std::string& server) {
  if (!applied.failed) {
    if (applied.done.empty()) return server + ": nothing to do\n";
    return fmt::format("{}: done, {} changes\n", server, applied.done.size());
  }
  auto text = fmt::format("{}: failed at {} after {} changes\n  {}\n", server, *applied.failed, applied.done.size(),
                          applied.error ? describe(*applied.error) : std::string());
  if (!applied.not_started.empty()) text += "  not started: " + join(applied.not_started, ", ") + "\n";
  return text + "  What is done stays done; run `tandem apply` again once the cause is mended.\n";
}

} // namespace tandem::agent
