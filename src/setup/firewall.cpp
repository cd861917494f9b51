// The packet filter, in a table of its own beside whatever else is filtered.
#include "base/text.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

constexpr auto* firewall_unit = "tandem-firewall.service";
constexpr auto* firewall_unit_path = "/etc/systemd/system/tandem-firewall.service";
constexpr auto* firewall_path = "/etc/tandem/firewall.nft";

constexpr auto* firewall_unit_text = R"([Unit]
Description=Packet filter of tandem
DefaultDependencies=no
Wants=network-pre.target
# Debian's own begins by throwing away every table.
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Before=network-pre.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/tandem/firewall.nft
ExecReload=/usr/sbin/nft -f /etc/tandem/firewall.nft
ExecStop=-/usr/sbin/nft delete table inet tandem

[Install]
WantedBy=sysinit.target
)";

bool is_ipv6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

// What only the pair's other servers may reach; they come from any of their addresses.
std::string peers_text(const View& view, bool ipv6) {
  std::set<std::string> addresses;
  for (const auto& server : view.pair.servers) {
    if (server.name == view.self) continue;
    for (const auto& address : {server.address, server.peer_address, server.address6.value_or("")})
      if (!address.empty() && is_ipv6(address) == ipv6) addresses.insert(address);
  }
  if (addresses.empty()) return {};
  return fmt::format("    {} saddr {{ {} }} tcp dport {{ {}, 5432 }} accept\n", ipv6 ? "ip6" : "ip",
                     join(std::vector(addresses.begin(), addresses.end()), ", "), view.pair.port);
}

std::string ports_text(const std::set<std::uint16_t>& ports) {
  std::vector<std::string> texts;
  for (const auto port : ports)
    texts.push_back(std::to_string(port));
  return join(texts, ", ");
}

// nft(8). The first two lines let the file be loaded again: the whole of it is one transaction.
std::string firewall_text(const View& view) {
  return header() + R"(table inet tandem
delete table inet tandem
table inet tandem {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    ct state invalid drop
    # ping, path MTU, neighbours; addresses by DHCP
    meta l4proto { icmp, ipv6-icmp } accept
    udp sport . udp dport { 67 . 68, 547 . 546 } accept
    tcp dport { )" +
         ports_text(view.ssh_ports) + R"( } accept comment "ssh"
    tcp dport { 80, 443 } accept
)" + peers_text(view, false) +
         peers_text(view, true) + "  }\n}\n";
}

} // namespace

std::set<std::uint16_t> ssh_ports_in(const std::string& effective, const std::string& listening) {
  std::set<std::uint16_t> ports;
  const auto add = [&](const std::string& address) { // "[::]:22", or the port alone
    const auto number = to_number(address.substr(address.rfind(':') + 1));
    if (number && *number > 0 && *number < 65536) ports.insert(static_cast<std::uint16_t>(*number));
  };
  for (const auto& line : lines_of(effective)) {
    const auto words = split(trim(line), ' ');
    if (words.size() >= 2 && (words[0] == "port" || words[0] == "listenaddress")) add(words[1]);
  }
  for (const auto& line : lines_of(listening)) {
    const auto words = split(trim(line), ' ');
    if (words.size() >= 5 && line.find("\"sshd\"") != std::string::npos) add(words[3]);
  }
  return ports;
}

void add_firewall(Resources& out, const View& view) {
  const std::string why = "[host] firewall";
  const converge::Reaction reload_manager{converge::ReactionKind::reload_manager, ""};
  if (!view.pair.host.firewall) {
    out.push_back({.kind = converge::Unit{.name = firewall_unit, .enabled = false, .running = false}, .why = why});
    out.push_back({.kind = converge::Absent{firewall_unit_path}, .why = why, .reactions = {reload_manager}});
    return;
  }
  out.push_back({.kind = converge::File{.path = firewall_path,
                                        .content = firewall_text(view),
                                        .mode = 0644,
                                        .check = converge::FileCheck{{"nft", "-c", "-f", "{}"}}},
                 .why = why,
                 .reactions = {{converge::ReactionKind::reload, firewall_unit}},
                 .after = {"packages"}});
  out.push_back({.kind = converge::File{.path = firewall_unit_path, .content = header() + firewall_unit_text},
                 .why = why,
                 .reactions = {reload_manager}});
  out.push_back(
      {.kind = converge::Unit{.name = firewall_unit,
                              .enabled = true,
                              .running = true,
                              .proof = {"sh", "-c", "nft list chain inet tandem input | grep -q 'comment \"ssh\"'"}},
       .why = why});
}

} // namespace tandem::setup
