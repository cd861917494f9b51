#include "config/checks.hpp"
#include "config/syntax.hpp"
#include "config/units.hpp"
#include "model/ports.hpp"

namespace tandem::config {

namespace {

// A server's addresses may be one and the same, but not another server's.
void check_addresses(const Checked& checked) {
  std::map<std::string, std::size_t> owners;
  for (std::size_t i = 0; i < checked.pair.servers.size(); ++i) {
    const auto& server = checked.pair.servers[i];
    const std::array<std::pair<std::string, std::string>, 3> given = {{{"address", server.address},
                                                                       {"address6", server.address6.value_or("")},
                                                                       {"peer_address", server.peer_address}}};
    for (const auto& [key, address] : given) {
      if (address.empty()) continue;
      const auto [owner, first] = owners.emplace(canonical_address(address), i);
      if (first || owner->second == i) continue;
      checked.report(fmt::format("server[{}].{}", i, key),
                     fmt::format("the address {} belongs to the server \"{}\" already", quote(address),
                                 checked.pair.servers[owner->second].name),
                     "an address of its own for every server");
    }
  }
}

void check_port(const Checked& checked) {
  const std::map<std::uint16_t, std::string> taken = {{22, "ssh"},
                                                      {25, "exim4"},
                                                      {80, "nginx"},
                                                      {443, "nginx"},
                                                      {5432, "PostgreSQL"},
                                                      {model::own_nginx_port, "nginx"},
                                                      {11211, "memcached"},
                                                      {model::redis_cache_port, "Redis"},
                                                      {model::redis_queue_port, "Redis"},
                                                      {model::queue_relay_port, "the queue's copies"}};
  if (const auto service = taken.find(checked.pair.port); service != taken.end())
    checked.report("pair.port", fmt::format("the port {} is used by {}", checked.pair.port, service->second),
                   "a port that nothing else uses, such as 7411");
}

bool is_within(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

} // namespace

void Once::see(const std::string& kind, const std::string& name, const std::string& place) {
  if (name.empty()) return;
  const auto [first, added] = places_.emplace(name, place);
  if (added) return;
  checked_.report(place, fmt::format("the {} {} stands twice", kind, quote(name)),
                  fmt::format("each once; the first is in line {}", checked_.places.at(first->second).line));
}

void check_servers(const Checked& checked) {
  Once names(checked);
  for (std::size_t i = 0; i < checked.pair.servers.size(); ++i)
    names.see("server name", checked.pair.servers[i].name, fmt::format("server[{}].name", i));
  check_addresses(checked);
  check_port(checked);
}

void check_users(const Checked& checked) {
  Once names(checked);
  Once uids(checked);
  for (std::size_t i = 0; i < checked.pair.users.size(); ++i) {
    const auto& user = checked.pair.users[i];
    const auto place = fmt::format("user[{}]", i);
    names.see("user name", user.name, place + ".name");
    if (user.uid) uids.see("uid", std::to_string(*user.uid), place + ".uid");
    if (user.sftp_only && !user.password_file && user.ssh_keys.empty() &&
        !checked.places.find(place + ".password_file"))
      checked.report(place, fmt::format("the user {} could never log in", quote(user.name)),
                     "password_file or ssh_keys beside sftp_only");
    const bool sudoer = user.sudo_nopasswd || std::ranges::find(user.groups, "sudo") != user.groups.end();
    if (user.sftp_only && sudoer)
      checked.report(place, fmt::format("the user {} is to do nothing but SFTP, and sudo as well", quote(user.name)),
                     "sftp_only without sudo_nopasswd and the group sudo");
  }
}

void check_files(const Checked& checked) {
  const auto& folders = checked.pair.files.replicate;
  for (std::size_t i = 0; i < folders.size(); ++i)
    for (const auto& other : folders)
      if (is_within(folders[i], other))
        checked.report(fmt::format("files.replicate[{}]", i),
                       fmt::format("{} lies within {}", quote(folders[i]), quote(other)), "the outer one alone");
}

void check_role(const Checked& checked) {
  const auto& role = checked.pair.role;
  if (role.hold <= role.drain)
    checked.report(
        checked.places.find("role.hold") ? "role.hold" : "role.drain",
        fmt::format("hold ({}) is not longer than drain ({})", show_duration(role.hold), show_duration(role.drain)),
        "a visitor may be kept waiting for longer than requests in flight may take");
  if (role.authority == model::Authority::etcd && !role.etcd)
    checked.report("role.authority", "there is no [role.etcd]", "[role.etcd] with the endpoints of the cluster");
}

void check_dns(const Checked& checked) {
  const auto& dns = checked.pair.dns;
  if (dns.provider == "command" && dns.command.empty() && !checked.places.find("dns.command"))
    checked.report("dns", "[dns] has no \"command\"", "the provider \"command\" needs your own program");
  if (dns.provider != "rfc2136") return;
  for (const auto& [key, given] : {std::pair{"server", !dns.server.empty()}, {"key_file", dns.key_file.has_value()}})
    if (!given && !checked.places.find(std::string("dns.") + key))
      checked.report("dns", fmt::format("[dns] has no \"{}\"", key),
                     "the provider \"rfc2136\" needs server and key_file");
}

} // namespace tandem::config
