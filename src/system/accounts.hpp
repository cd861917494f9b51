// The port to users and groups: /etc/passwd, /etc/group and /etc/shadow are read in process, changes go through
// Debian's useradd, usermod and groupadd.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::system {

struct UserEntry {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
  std::string shell;
  std::string password = {}; // its field of /etc/shadow: a hash, or what locks it
};

struct GroupEntry {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members; // supplementary only, as /etc/group has them
};

struct AccountTable {
  std::vector<UserEntry> users;
  std::vector<GroupEntry> groups;
  [[nodiscard]] const UserEntry* user(std::string_view name) const;
  [[nodiscard]] const UserEntry* user(std::uint32_t uid) const;
  [[nodiscard]] const GroupEntry* group(std::string_view name) const;
  [[nodiscard]] const GroupEntry* group(std::uint32_t gid) const;
};

// /etc/passwd, /etc/group and /etc/shadow as text -> table. Pure; lines that are no entries are skipped.
AccountTable parse_accounts(const std::string& passwd, const std::string& group, const std::string& shadow = {});

struct NewUser {
  std::string name;
  std::uint32_t uid = 0;
  std::string primary_group; // exists already
  std::string shell = "/bin/bash";
  std::string home;
};

class Accounts {
public:
  virtual ~Accounts() = default;
  virtual Result<AccountTable> read() = 0;
  virtual Result<void> add_group(const std::string& name, std::optional<std::uint32_t> gid) = 0;
  virtual Result<void> add_user(const NewUser& user) = 0; // makes the home folder
  virtual Result<void> set_shell(const std::string& user, const std::string& shell) = 0;
  virtual Result<void> set_primary_group(const std::string& user, const std::string& group) = 0;
  virtual Result<void> add_to_group(const std::string& user, const std::string& group) = 0;
  virtual Result<void> remove_from_group(const std::string& user, const std::string& group) = 0; // it is in it
  virtual Result<void> set_password(const std::string& user, const std::string& hash) = 0;       // see passwords.hpp
};

class DebianAccounts final : public Accounts {
public:
  explicit DebianAccounts(Processes& processes) : processes_(processes) {}

  Result<AccountTable> read() override;
  Result<void> add_group(const std::string& name, std::optional<std::uint32_t> gid) override;
  Result<void> add_user(const NewUser& user) override;
  Result<void> set_shell(const std::string& user, const std::string& shell) override;
  Result<void> set_primary_group(const std::string& user, const std::string& group) override;
  Result<void> add_to_group(const std::string& user, const std::string& group) override;
  Result<void> remove_from_group(const std::string& user, const std::string& group) override;
  Result<void> set_password(const std::string& user, const std::string& hash) override;

private:
  Processes& processes_;
};

} // namespace tandem::system
