#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

std::string primary_group(const model::User& user) {
  return user.primary_group.value_or(user.name);
}

void add_groups(Resources& out, const View& view) {
  // Groups that Debian's packages make are there once the packages are.
  std::set<std::string> added{"www-data", "sudo", "adm", "postgres"};
  const auto add = [&](const std::string& name, std::optional<std::uint32_t> gid, const std::string& why) {
    if (added.insert(name).second)
      out.push_back({.kind = converge::Group{name, gid}, .why = why, .after = {"packages"}});
  };
  for (const auto& user : view.pair.users) {
    // A group of the user's own has the user's number, as adduser makes it.
    const bool own = !user.primary_group;
    add(primary_group(user), own ? std::optional(view.uids.at(user.name)) : std::nullopt, "user " + user.name);
    for (const auto& group : user.groups)
      add(group, std::nullopt, "user " + user.name);
  }
}

void add_ssh_keys(Resources& out, const model::User& user, const std::string& home) {
  if (user.ssh_keys.empty()) return;
  const auto group = primary_group(user);
  std::string content = header();
  for (const auto& key : user.ssh_keys)
    content += key + "\n";
  out.push_back({.kind = converge::Folder{home + "/.ssh", 0700, user.name, group}, .why = "keys of " + user.name});
  out.push_back({.kind = converge::File{.path = home + "/.ssh/authorized_keys",
                                        .content = content,
                                        .mode = 0600,
                                        .owner = user.name,
                                        .group = group},
                 .why = "keys of " + user.name});
}

void add_sudoers(Resources& out, const View& view) {
  std::string content = header();
  for (const auto& user : view.pair.users)
    if (user.sudo_nopasswd) content += user.name + " ALL=(ALL:ALL) NOPASSWD: ALL\n";
  out.push_back({.kind = converge::File{.path = "/etc/sudoers.d/tandem",
                                        .content = content,
                                        .mode = 0440,
                                        .check = converge::FileCheck{{"visudo", "-c", "-q", "-f", "{}"}}},
                 .why = "sudo without a password for those who are given it"});
}

} // namespace

void add_accounts(Resources& out, const View& view) {
  add_groups(out, view);
  for (const auto& user : view.pair.users) {
    const auto home = "/home/" + user.name;
    out.push_back({.kind = converge::User{.name = user.name,
                                          .uid = view.uids.at(user.name),
                                          .primary_group = primary_group(user),
                                          .groups = user.groups,
                                          .shell = "/bin/bash",
                                          .home = home},
                   .why = "[[user]]"});
    add_ssh_keys(out, user, home);
  }
  add_sudoers(out, view);
}

} // namespace tandem::setup
