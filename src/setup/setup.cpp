#include "setup/setup.hpp"

#include "base/generated.hpp"
#include "base/text.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

constexpr std::uint32_t first_free_id = 1000; // Debian keeps what is below for its own

} // namespace

const std::set<std::string>& debian_groups() {
  static const std::set<std::string> names{"www-data", "sudo", "adm", "postgres"};
  return names;
}

Resources resources(const View& view) {
  Resources out;
  add_host(out, view);
  add_packages(out, view);
  add_mail(out, view);
  add_updates(out, view);
  add_ssh(out, view); // nobody is let in before sshd knows how far
  add_accounts(out, view);
  add_www(out, view);
  add_postgres(out, view);
  add_sites(out, view);
  add_logs(out, view);
  add_cache(out, view);
  add_nginx(out, view);
  add_dns(out, view);
  add_role(out, view);
  add_firewall(out, view);
  return out;
}

Resources front_resources(const View& view) {
  Resources out;
  out.push_back({.kind = converge::Folder{.path = "/etc/tandem", .mode = 0755}, .why = "tandem's own files"});
  add_nginx(out, view);
  return out;
}

std::string header(std::string_view comment) {
  return generated_header(comment);
}

Result<Release> release_of(const std::string& os_release) {
  std::map<std::string, std::string> values;
  for (const auto& line : lines_of(os_release))
    if (const auto equals = line.find('='); equals != std::string::npos)
      values[line.substr(0, equals)] = replace_all(line.substr(equals + 1), "\"", "");
  // Major versions of PostgreSQL: packages.debian.org/bookworm/postgresql and …/trixie/postgresql.
  const std::map<std::string, Release> known{{"12", {"bookworm", 15}}, {"13", {"trixie", 17}}};
  const auto found = known.find(values["VERSION_ID"]);
  if (values["ID"] == "debian" && found != known.end()) return found->second;
  const auto name = values["PRETTY_NAME"].empty() ? std::string("an unknown system") : values["PRETTY_NAME"];
  return fail(ErrorKind::refused, "this is " + name + "; tandem runs on Debian 12 and 13");
}

Result<std::map<std::string, std::uint32_t>> assign_uids(const model::Pair& pair,
                                                         const std::vector<system::AccountTable>& servers) {
  std::map<std::string, std::uint32_t> uids;
  std::set<std::uint32_t> taken;
  for (const auto& user : pair.users)
    if (user.uid) taken.insert(*user.uid);
  for (const auto& table : servers)
    for (const auto& entry : table.users)
      taken.insert(entry.uid);
  for (const auto& user : pair.users) {
    std::optional<std::uint32_t> uid = user.uid;
    for (const auto& table : servers)
      if (const auto* entry = table.user(user.name); entry != nullptr && !user.uid) {
        if (uid && *uid != entry->uid)
          return fail(ErrorKind::refused,
                      fmt::format("user {} has uid {} on one server and {} on another", user.name, *uid, entry->uid),
                      "Renumber it by hand on one of them, or give the uid in tandem.toml.");
        uid = entry->uid;
      }
    const auto is_a_gid = [&](std::uint32_t id) {
      return std::ranges::any_of(servers, [&](const system::AccountTable& table) {
        const auto* group = table.group(id);
        return group != nullptr && group->name != user.name;
      });
    };
    for (auto next = first_free_id; !uid; ++next)
      if (!taken.contains(next) && !is_a_gid(next)) uid = next;
    taken.insert(*uid);
    uids[user.name] = *uid;
  }
  return uids;
}

namespace {

// In the order of the file.
std::vector<std::string> shared_groups(const model::Pair& pair) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    const bool own =
        std::ranges::any_of(pair.users, [&](const auto& user) { return user.name == name && !user.primary_group; });
    if (!own && std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const auto& user : pair.users) {
    if (user.primary_group) add(*user.primary_group);
    for (const auto& group : user.groups)
      add(group);
    if (user.sftp_only) add(sftp_group);
  }
  return names;
}

// Its gid on the servers that have it. One below 1000 came with a package, which numbers it as it likes.
Result<std::optional<std::uint32_t>> common_gid(const std::string& group,
                                                const std::vector<system::AccountTable>& servers) {
  std::optional<std::uint32_t> gid;
  for (const auto& table : servers) {
    const auto* entry = table.group(group);
    if (entry == nullptr) continue;
    if (gid && *gid != entry->gid && std::max(*gid, entry->gid) >= first_free_id)
      return fail(ErrorKind::refused,
                  fmt::format("group {} has gid {} on one server and {} on another", group, *gid, entry->gid),
                  "Renumber it by hand on one of them: groupmod --gid NUMBER " + group);
    gid = entry->gid;
  }
  return gid;
}

} // namespace

Result<std::map<std::string, std::uint32_t>> assign_gids(const model::Pair& pair,
                                                         const std::map<std::string, std::uint32_t>& uids,
                                                         const std::vector<system::AccountTable>& servers) {
  std::set<std::uint32_t> taken;
  for (const auto& [user, uid] : uids)
    taken.insert(uid); // a user's own group has its number
  for (const auto& table : servers)
    for (const auto& entry : table.groups)
      taken.insert(entry.gid);
  std::map<std::string, std::uint32_t> gids;
  for (const auto& group : shared_groups(pair)) {
    if (debian_groups().contains(group)) continue;
    TANDEM_TRY(auto gid, common_gid(group, servers));
    if (gid && *gid < first_free_id) continue;
    for (auto next = first_free_id; !gid; ++next)
      if (!taken.contains(next)) gid = next;
    taken.insert(*gid);
    gids[group] = *gid;
  }
  return gids;
}

} // namespace tandem::setup
