#include "adopt/crontab.hpp"
#include "adopt/draft.hpp"
#include "base/text.hpp"
#include "config/syntax.hpp"

namespace tandem::adopt {

namespace {

std::string own_address(const Found& found, const Wishes& wishes) {
  if (!wishes.address.empty()) return wishes.address;
  std::string address;
  for (const auto& one : found.machine.addresses)
    if (config::is_ipv4(one) && address.empty()) address = one;
  return address;
}

std::vector<std::string> words_in(std::string_view line) {
  auto words = split(replace_all(std::string(line.substr(0, line.find('#'))), "\t", " "), ' ');
  std::erase(words, "");
  return words;
}

// Whom PostgreSQL lets in to follow it, as far as that is one address: "10.0.0.2/32", or one with a netmask after it.
std::vector<std::string> followers(const Found& found) {
  std::vector<std::string> addresses;
  for (const auto& cluster : found.clusters) {
    const auto* text = found.file(cluster + "/pg_hba.conf");
    if (text == nullptr) continue;
    for (const auto& line : lines_of(*text)) {
      const auto words = words_in(line);
      if (words.size() < 5 || !words[0].starts_with("host") || words[1] != "replication") continue;
      const auto slash = words[3].find('/');
      const auto address = words[3].substr(0, slash);
      const bool whole = slash == std::string::npos || words[3].substr(slash) == "/32";
      if (whole && config::is_ipv4(address) && !address.starts_with("127.")) addresses.push_back(address);
    }
  }
  return addresses;
}

} // namespace

// "duo" of "rsync -a /www/ root@duo:/www/"; "" when it names none.
std::string host_of_rsync(const std::string& command) {
  for (const auto& word : words_in(command)) {
    auto host = word.substr(0, word.find(":/"));
    if (host.size() == word.size()) continue;
    host = host.substr(host.find('@') + 1);
    if (config::is_host(host)) return host;
  }
  return {};
}

namespace {

// The hosts that rsync's jobs name: "duo:/www/".
std::vector<std::string> partners_of_rsync(const Found& found) {
  std::vector<std::string> hosts;
  for (const auto& [path, text] : found.files) {
    if (!path.contains("/cron")) continue;
    for (const auto& line : lines_of(text)) {
      if (!line.contains("rsync") || line.starts_with('#')) continue;
      if (const auto host = host_of_rsync(line); !host.empty()) hosts.push_back(host);
    }
  }
  return hosts;
}

// By /etc/hosts: the address of a name, or the first name of an address; "" when it has none.
std::string in_hosts(const Found& found, const std::string& wanted, bool by_name) {
  const auto* text = found.file("/etc/hosts");
  if (text == nullptr) return {};
  for (const auto& line : lines_of(*text)) {
    const auto words = words_in(line);
    if (words.size() < 2) continue;
    if (!by_name && words[0] == wanted) return words[1];
    if (by_name && config::is_ipv4(words[0]) && std::ranges::find(words, wanted) != words.end()) return words[0];
  }
  return {};
}

} // namespace

bool is_other_server(const Found& found, const Wishes& wishes, const std::string& host) {
  const auto address = config::is_ipv4(host) ? host : in_hosts(found, host, true);
  if (!wishes.standby_address.empty()) return host == wishes.standby_name || address == wishes.standby_address;
  const auto known = followers(found);
  return !address.empty() && std::ranges::find(known, address) != known.end();
}

namespace {

std::string label_of_host(const std::string& host) {
  return config::is_address(host) ? std::string() : host.substr(0, host.find('.'));
}

model::Server standby_of(Draft& draft, const Found& found, const Wishes& wishes, const std::string& own) {
  model::Server server{.name = wishes.standby_name, .address = wishes.standby_address};
  std::set<std::string> addresses;
  for (const auto& address : followers(found))
    addresses.insert(address);
  for (const auto& host : partners_of_rsync(found)) {
    if (!is_other_server(found, wishes, host)) continue; // a place for backups, say
    const auto address = config::is_ipv4(host) ? host : in_hosts(found, host, true);
    if (!address.empty()) addresses.insert(address);
    if (server.name.empty()) server.name = label_of_host(host);
  }
  addresses.erase(own);
  if (server.address.empty() && addresses.size() == 1) server.address = *addresses.begin();
  if (server.address.empty() && addresses.size() > 1)
    draft.cannot_tell("/etc/hosts", 0,
                      "which of " + join(std::vector(addresses.begin(), addresses.end()), ", ") +
                          " is the other server: say it with --standby NAME=ADDRESS");
  if (server.name.empty() && !server.address.empty())
    server.name = label_of_host(in_hosts(found, server.address, false));
  return server;
}

} // namespace

void draft_servers(Draft& draft, const Found& found, const Wishes& wishes) {
  const auto own = own_address(found, wishes);
  const auto name = found.machine.host_name.substr(0, found.machine.host_name.find('.'));
  draft.pair.servers.push_back({.name = name, .address = own, .peer_address = own});
  if (std::ranges::count_if(found.machine.addresses, config::is_ipv4) > 1 && wishes.address.empty())
    draft.cannot_tell("/etc/network", 0,
                      "which of its addresses visitors are led to; " + own + " is taken, --address says otherwise");
  auto standby = standby_of(draft, found, wishes, own);
  if (!config::is_ipv4(standby.address) || !config::is_label(standby.name) || standby.name == name)
    return draft.cannot_tell("/etc/hosts", 0,
                             "the other server's name and address: say them with --standby NAME=ADDRESS, or add its "
                             "[[server]] before it joins");
  standby.peer_address = standby.address;
  draft.pair.servers.push_back(std::move(standby));
}

} // namespace tandem::adopt
