#include "lab/name_server.hpp"

#include <fmt/format.h>

namespace tandem::lab {

namespace {

constexpr auto* names_folder = "/srv/names";

constexpr auto* key = R"(key "shops" {
	algorithm hmac-sha256;
	secret "c2hvcHMgb2YgdGhlIGxhYiwgYW5kIG9mIG5vYm9keSBlbHNl";
};
)";

Result<void> on_tre(Lab& lab, const std::string& line) {
  TANDEM_CHECK(lab.run_checked("tre", {"bash", "-c", line}));
  return {};
}

std::string zone_text(const std::string& zone, const std::string& address) {
  return fmt::format("$TTL 60\n@ IN SOA ns1.{0}. root.{0}. 1 3600 60 86400 60\n@ IN NS ns1.{0}.\n@ IN NS ns2.{0}.\n"
                     "ns1 IN A {1}\nns2 IN A {2}\n@ IN A {3}\nwww IN A {3}\n",
                     zone, name_server, second_name_server, address);
}

std::string options_text(const std::string& role, const std::string& address) {
  return fmt::format(
      "options {{ directory \"{0}/{1}\"; pid-file \"{0}/{1}/pid\"; session-keyfile \"{0}/{1}/session\"; "
      "managed-keys-directory \"{0}/{1}\"; listen-on {{ {2}; }}; listen-on-v6 {{ none; }}; recursion no; "
      "dnssec-validation no; notify-source {2}; transfer-source {2}; }};\ncontrols {{ }};\n",
      names_folder, role, address);
}

std::string configuration(const std::string& role, const NameServers& wanted) {
  const bool first = role == "first";
  auto text = options_text(role, first ? name_server : second_name_server) + (first ? key : "");
  for (const auto& zone : wanted.zones) {
    const bool refused = std::ranges::find(wanted.refused, zone) != wanted.refused.end();
    text += first
                ? fmt::format("zone \"{}\" {{ type primary; file \"{}\"; update-policy {{ {} shops zonesub A AAAA; }}; "
                              "also-notify {{ {}; }}; notify explicit; allow-transfer {{ {}; }}; }};\n",
                              zone, zone, refused ? "deny" : "grant", second_name_server, second_name_server)
                : fmt::format(
                      "zone \"{}\" {{ type secondary; primaries {{ {}; }}; file \"{}\"; allow-notify {{ {}; }}; }};\n",
                      zone, name_server, zone, name_server);
  }
  return text;
}

std::string start_text(const std::string& role) {
  return fmt::format("systemctl stop names-{1} 2>/dev/null; systemd-run --quiet --collect --unit=names-{1} "
                     "/usr/sbin/named -f -u bind -c {0}/{1}/named.conf",
                     names_folder, role);
}

} // namespace

Result<std::string> start_name_servers(Lab& lab, const NameServers& wanted) {
  TANDEM_CHECK(on_tre(lab, "command -v named >/dev/null || (apt-get -q update && apt-get -q -y install "
                           "--no-install-recommends bind9 bind9-dnsutils && systemctl disable -q --now named)"));
  TANDEM_CHECK(
      on_tre(lab, fmt::format("ip address show | grep -q {0}/ || ip address add {0}/24 dev host0 2>/dev/null || "
                              "ip address add {0}/24 dev $(ip -o route get 10.77.0.1 | sed 's/.* dev "
                              "\\([^ ]*\\).*/\\1/')",
                              second_name_server)));
  TANDEM_CHECK(on_tre(lab, fmt::format("systemctl stop names-first names-second 2>/dev/null; rm -rf {0}; mkdir -p "
                                       "{0}/first {0}/second",
                                       names_folder)));
  for (const auto& zone : wanted.zones)
    TANDEM_CHECK(
        lab.write_file("tre", fmt::format("{}/first/{}", names_folder, zone), zone_text(zone, wanted.address), 0644));
  for (const auto* role : {"first", "second"})
    TANDEM_CHECK(
        lab.write_file("tre", fmt::format("{}/{}/named.conf", names_folder, role), configuration(role, wanted), 0644));
  TANDEM_CHECK(on_tre(lab, fmt::format("chown -R bind: {}", names_folder)));
  TANDEM_CHECK(resume_name_servers(lab));
  return std::string(key);
}

Result<void> stop_name_servers(Lab& lab) {
  return on_tre(lab, "systemctl stop names-first names-second");
}

Result<void> resume_name_servers(Lab& lab) {
  for (const auto* role : {"first", "second"})
    TANDEM_CHECK(on_tre(lab, start_text(role)));
  return on_tre(lab,
                fmt::format("for i in $(seq 300); do dig +short +time=1 +tries=1 @{} www.shop.test A | grep -q . && "
                            "exit; sleep 0.1; done; exit 1",
                            second_name_server));
}

Result<std::string> ask_name_server(Lab& lab, const std::string& server, const std::string& name,
                                    const std::string& type) {
  return lab.run_checked(
      "tre", {"bash", "-c", fmt::format("dig +short +time=2 +tries=1 @{} {} {} | sort", server, name, type)});
}

} // namespace tandem::lab
