#include "adopt/adopt.hpp"

#include "adopt/toml.hpp"
#include "config/load.hpp"
#include "config/syntax.hpp"

namespace tandem::adopt {

namespace {

// Whoever reads it sees at once that nobody has such an address (RFC 2606).
constexpr auto* nobody = "root@nobody.invalid";

constexpr auto* heading =
    "# What `tandem adopt` found on this server. Read it through: what could not be understood was "
    "listed, and is not here.\n# Every key: /usr/share/doc/tandem/configuration.md\n";

Result<void> check_wishes(const Wishes& wishes) {
  for (const auto* address : {&wishes.address, &wishes.standby_address})
    if (!address->empty() && !config::is_ipv4(*address))
      return fail(ErrorKind::invalid, *address + " is no IPv4 address of a host");
  if (!wishes.standby_name.empty() && !config::is_label(wishes.standby_name))
    return fail(ErrorKind::invalid, wishes.standby_name + " is no host name", "Without a domain, in lower case.");
  if (!wishes.admin_mail.empty() && !config::is_mail(wishes.admin_mail))
    return fail(ErrorKind::invalid, wishes.admin_mail + " is no mail address");
  return {};
}

Result<void> check_server(const Found& found) {
  if (found.has_pair)
    return fail(ErrorKind::refused, "this server belongs to a pair of tandem's already",
                "Its file is /etc/tandem/tandem.toml; adopt is for servers that were set up by hand.");
  if (found.postgres.standby)
    return fail(ErrorKind::refused, "PostgreSQL of this server follows another one, so it is the standby",
                "Run `tandem adopt` on the primary; the standby joins later and gets everything from there.");
  return {};
}

void draft_administrator(Draft& draft, const Wishes& wishes) {
  if (!wishes.admin_mail.empty()) draft.pair.admin_mail = wishes.admin_mail;
  if (!draft.pair.admin_mail.empty()) return;
  draft.cannot_tell("/etc/aliases", 0, "who gets root's mail: write admin_mail, or say it with --admin-mail");
  draft.pair.admin_mail = nobody;
}

// Secrets that adopt writes lie where the file is; others are the server's own.
std::optional<config::SecretFound> secret_of(const Draft& draft, const std::string& path) {
  for (const auto& [relative, content] : draft.secrets)
    if (path == "/etc/tandem/" + relative) return config::SecretFound(content);
  return config::SecretFound(std::nullopt);
}

} // namespace

std::string format(const Remark& remark) {
  const auto place = remark.line == 0 ? remark.file : fmt::format("{}:{}", remark.file, remark.line);
  return config::escaped(place + ": " + remark.text);
}

Result<Adopted> adopt(const Found& found, const Wishes& wishes) {
  TANDEM_CHECK(check_wishes(wishes));
  TANDEM_CHECK(check_server(found));
  Draft draft;
  draft_host(draft, found);
  draft_people(draft, found);
  draft_database(draft, found);
  draft_sites(draft, found);
  draft_work(draft, found, wishes);
  draft_servers(draft, found, wishes);
  draft_administrator(draft, wishes);
  draft.pair.name = "sites";
  if (!found.is_primary)
    draft.cannot_tell("/primary_server", 0, "it is not there: make sure that this server is the primary");
  if (!config::is_label(draft.pair.servers.front().name) || !config::is_ipv4(draft.pair.servers.front().address))
    return fail(
        ErrorKind::invalid, "this server has no host name and IPv4 address that tandem could take",
        "Give it a host name of lower-case letters (hostnamectl hostname NAME), and its address with --address.");
  Adopted adopted{draft.pair,   heading + to_toml(draft.pair), draft.secrets, draft.strange, draft.replaced,
                  draft.by_hand};
  const auto loaded = config::load({"/etc/tandem/tandem.toml", adopted.toml},
                                   [&](const std::string& path) { return secret_of(draft, path); });
  if (!loaded.pair)
    return failed("what was found does not make a tandem.toml that tandem takes, so none is written:\n" +
                      config::format(loaded.problems),
                  "Please report this; until then write it by hand: /usr/share/doc/tandem/configuration.md.");
  return adopted;
}

} // namespace tandem::adopt
