#include "system/accounts.hpp"

#include "base/text.hpp"

#include <fstream>
#include <sstream>

namespace tandem::system {

namespace {

template <class T, class Key, class Wanted>
const T* find_by(const std::vector<T>& entries, Key T::* key, const Wanted& wanted) {
  for (const auto& entry : entries)
    if (entry.*key == wanted) return &entry;
  return nullptr;
}

Result<std::string> read_text(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(std::string("reading ") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

const UserEntry* AccountTable::user(std::string_view name) const {
  return find_by(users, &UserEntry::name, name);
}

const UserEntry* AccountTable::user(std::uint32_t uid) const {
  return find_by(users, &UserEntry::uid, uid);
}

const GroupEntry* AccountTable::group(std::string_view name) const {
  return find_by(groups, &GroupEntry::name, name);
}

const GroupEntry* AccountTable::group(std::uint32_t gid) const {
  return find_by(groups, &GroupEntry::gid, gid);
}

AccountTable parse_accounts(const std::string& passwd, const std::string& group, const std::string& shadow) {
  AccountTable table;
  for (const auto& line : lines_of(passwd)) {
    const auto fields = split(line, ':');
    if (fields.size() != 7) continue;
    const auto uid = to_number(fields[2]);
    const auto gid = to_number(fields[3]);
    if (!uid || !gid) continue;
    table.users.push_back(
        {fields[0], static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid), fields[5], fields[6]});
  }
  for (const auto& line : lines_of(group)) {
    const auto fields = split(line, ':');
    if (fields.size() != 4) continue;
    const auto gid = to_number(fields[2]);
    if (!gid) continue;
    GroupEntry entry{fields[0], static_cast<std::uint32_t>(*gid), {}};
    if (!fields[3].empty()) entry.members = split(fields[3], ',');
    table.groups.push_back(std::move(entry));
  }
  for (const auto& line : lines_of(shadow)) {
    const auto fields = split(line, ':');
    if (fields.size() < 2) continue;
    const auto user = std::ranges::find(table.users, fields[0], &UserEntry::name);
    if (user != table.users.end()) user->password = fields[1];
  }
  return table;
}

Result<AccountTable> DebianAccounts::read() {
  TANDEM_TRY(const auto passwd, read_text("/etc/passwd"));
  TANDEM_TRY(const auto group, read_text("/etc/group"));
  TANDEM_TRY(const auto shadow, read_text("/etc/shadow"));
  return parse_accounts(passwd, group, shadow);
}

Result<void> DebianAccounts::add_group(const std::string& name, std::optional<std::uint32_t> gid) {
  Command command{.arguments = {"groupadd"}};
  if (gid) command.arguments.insert(command.arguments.end(), {"--gid", std::to_string(*gid)});
  command.arguments.push_back(name);
  TANDEM_CHECK(run_checked(processes_, command));
  return {};
}

Result<void> DebianAccounts::add_user(const NewUser& user) {
  TANDEM_CHECK(run_checked(
      processes_, {.arguments = {"useradd", "--uid", std::to_string(user.uid), "--gid", user.primary_group, "--shell",
                                 user.shell, "--home-dir", user.home, "--create-home", user.name}}));
  return {};
}

Result<void> DebianAccounts::set_shell(const std::string& user, const std::string& shell) {
  TANDEM_CHECK(run_checked(processes_, {.arguments = {"usermod", "--shell", shell, user}}));
  return {};
}

Result<void> DebianAccounts::set_primary_group(const std::string& user, const std::string& group) {
  TANDEM_CHECK(run_checked(processes_, {.arguments = {"usermod", "--gid", group, user}}));
  return {};
}

Result<void> DebianAccounts::add_to_group(const std::string& user, const std::string& group) {
  TANDEM_CHECK(run_checked(processes_, {.arguments = {"usermod", "--append", "--groups", group, user}}));
  return {};
}

// On its standard input: what stands among the arguments of a program can be seen by everybody.
Result<void> DebianAccounts::remove_from_group(const std::string& user, const std::string& group) {
  TANDEM_CHECK(run_checked(processes_, {.arguments = {"gpasswd", "--delete", user, group}}));
  return {};
}

Result<void> DebianAccounts::set_password(const std::string& user, const std::string& hash) {
  TANDEM_CHECK(run_checked(processes_, {.arguments = {"chpasswd", "--encrypted"}, .input = user + ":" + hash + "\n"}));
  return {};
}

} // namespace tandem::system
