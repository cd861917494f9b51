#include "dns/records.hpp"

#include "base/text.hpp"

#include <sstream>

namespace tandem::dns {

namespace {

std::string lower(std::string text) {
  for (auto& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

std::string without_dot(const std::string& name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

bool within(const std::set<std::string>& some, const std::set<std::string>& all) {
  return std::ranges::includes(all, some);
}

std::string words(const std::set<std::string>& values) {
  return values.empty() ? "nothing" : join(std::vector(values.begin(), values.end()), " and ");
}

void add_kind(std::vector<std::string>& lines, const std::string& name, const std::string& type,
              const std::set<std::string>& from, const std::set<std::string>& to, std::uint32_t ttl) {
  if (from == to) return;
  for (const auto& address : from)
    lines.push_back(fmt::format("prereq yxrrset {}. {} {}", name, type, address));
  if (from.empty()) lines.push_back(fmt::format("prereq nxrrset {}. {}", name, type));
  if (!from.empty()) lines.push_back(fmt::format("update delete {}. {}", name, type));
  for (const auto& address : to)
    lines.push_back(fmt::format("update add {}. {} {} {}", name, ttl, type, address));
}

std::vector<std::string> update_lines(const std::string& server, const Change& change, std::uint32_t ttl) {
  std::vector<std::string> lines{"server " + server};
  if (!change.zone.empty()) lines.push_back("zone " + change.zone);
  add_kind(lines, change.name, "A", change.from.a, change.to.a, ttl);
  add_kind(lines, change.name, "AAAA", change.from.aaaa, change.to.aaaa, ttl);
  lines.emplace_back("send");
  return lines;
}

} // namespace

Records parse_answer(const std::string& name, const std::string& text) {
  Records records;
  for (const auto& line : lines_of(text)) {
    std::istringstream fields(line);
    std::string owner;
    std::string ttl;
    std::string in;
    std::string type;
    std::string value;
    if (!(fields >> owner >> ttl >> in >> type >> value) || owner.starts_with(';') || in != "IN") continue;
    if (type == "SOA") records.zone = without_dot(lower(owner));
    if (without_dot(lower(owner)) != lower(name)) continue;
    if (type == "A") records.a.insert(value);
    if (type == "AAAA") records.aaaa.insert(value);
    if (type == "CNAME") records.cname = without_dot(lower(value));
    if (type == "A" || type == "AAAA")
      records.ttl = std::max(records.ttl, static_cast<std::uint32_t>(to_number(ttl).value_or(0)));
  }
  return records;
}

Addresses addresses_of(const model::Server& server) {
  Addresses addresses;
  (server.address.find(':') == std::string::npos ? addresses.a : addresses.aaaa).insert(server.address);
  if (server.address6) addresses.aaaa.insert(*server.address6);
  return addresses;
}

Addresses addresses_of(const model::Pair& pair) {
  Addresses all;
  for (const auto& server : pair.servers) {
    all.a.merge(addresses_of(server).a);
    all.aaaa.merge(addresses_of(server).aaaa);
  }
  return all;
}

Verdict judge(const std::string& name, const Records& now, const model::Pair& pair, const model::Server& primary) {
  if (!now.cname.empty()) {
    const auto known = names_of(pair);
    if (std::ranges::find(known, now.cname) != known.end()) return {};
    return {.change = {}, .strange = name + " is an alias of " + now.cname + ", which is no name of a site"};
  }
  const auto wanted = addresses_of(primary);
  if (now.a == wanted.a && now.aaaa == wanted.aaaa) return {};
  if (now.a.empty() && now.aaaa.empty()) return {.change = {}, .strange = name + " has no address"};
  const auto all = addresses_of(pair);
  if (!within(now.a, all.a) || !within(now.aaaa, all.aaaa)) {
    auto addresses = now.a;
    addresses.insert(now.aaaa.begin(), now.aaaa.end());
    return {.change = {}, .strange = name + " leads to " + words(addresses) + ", which is not the pair's alone"};
  }
  return {.change = Change{.name = name, .zone = now.zone, .from = {now.a, now.aaaa}, .to = wanted, .old_ttl = now.ttl},
          .strange = {}};
}

std::vector<std::string> names_of(const model::Pair& pair) {
  std::vector<std::string> names;
  for (const auto& site : pair.sites) {
    names.push_back(site.domain);
    names.insert(names.end(), site.aliases.begin(), site.aliases.end());
  }
  return names;
}

std::string to_text(const Change& change) {
  std::vector<std::string> parts;
  if (change.from.a != change.to.a) parts.push_back("A " + words(change.from.a) + " -> " + words(change.to.a));
  if (change.from.aaaa != change.to.aaaa)
    parts.push_back("AAAA " + words(change.from.aaaa) + " -> " + words(change.to.aaaa));
  return change.name + " " + join(parts, ", ");
}

std::string update_script(const std::string& server, const Change& change, std::uint32_t ttl) {
  return join(update_lines(server, change, ttl), "\n") + "\n";
}

std::string update_command(const std::string& server, const Change& change, std::uint32_t ttl) {
  return "printf '" + join(update_lines(server, change, ttl), "\\n") + "\\n' | nsupdate -k /etc/tandem/dns.key";
}

} // namespace tandem::dns
