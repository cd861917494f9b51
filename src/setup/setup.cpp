#include "setup/setup.hpp"

#include "base/generated.hpp"
#include "base/text.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

Resources resources(const View& view) {
  Resources out;
  add_host(out, view);
  add_packages(out, view);
  add_accounts(out, view);
  add_www(out, view);
  add_postgres(out, view);
  add_sites(out, view);
  add_nginx(out, view);
  add_role(out, view);
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
    for (std::uint32_t next = 1000; !uid; ++next)
      if (!taken.contains(next)) uid = next;
    taken.insert(*uid);
    uids[user.name] = *uid;
  }
  return uids;
}

} // namespace tandem::setup
