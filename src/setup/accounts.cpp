#include "base/text.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

std::string primary_group(const model::User& user) {
  return user.primary_group.value_or(user.name);
}

std::string password_of(const View& view, const model::User& user) {
  return user.password_file ? without_line_end(view.secrets.at(user.password_file->path)) : std::string();
}

void add_groups(Resources& out, const View& view) {
  auto added = debian_groups(); // those are there once the packages are
  const auto shared = [&](const std::string& name) {
    const auto gid = view.gids.find(name);
    return gid == view.gids.end() ? std::nullopt : std::optional(gid->second);
  };
  const auto add = [&](const std::string& name, std::optional<std::uint32_t> gid, const std::string& why) {
    if (added.insert(name).second)
      out.push_back({.kind = converge::Group{name, gid}, .why = why, .after = {"packages"}});
  };
  for (const auto& user : view.pair.users) {
    // A group of the user's own has the user's number, as adduser makes it.
    const bool own = !user.primary_group;
    add(primary_group(user), own ? std::optional(view.uids.at(user.name)) : shared(primary_group(user)),
        "user " + user.name);
    for (const auto& group : user.groups)
      add(group, shared(group), "user " + user.name);
    if (user.sftp_only) add(sftp_group, shared(sftp_group), "users of SFTP alone");
  }
}

std::vector<std::string> groups_of(const model::User& user) {
  auto groups = user.groups;
  if (user.sftp_only) groups.emplace_back(sftp_group);
  return groups;
}

void add_ssh_keys(Resources& out, const model::User& user, const std::string& home) {
  if (user.ssh_keys.empty()) return;
  // Who may do nothing but SFTP reads its keys and cannot give itself others.
  const auto owner = user.sftp_only ? std::string("root") : user.name;
  const auto group = user.sftp_only ? owner : primary_group(user);
  const std::uint32_t readable = user.sftp_only ? 0044 : 0;
  std::string content = header();
  for (const auto& key : user.ssh_keys)
    content += key + "\n";
  out.push_back({.kind = converge::Folder{home + "/.ssh", 0700 | (readable | readable >> 2U), owner, group},
                 .why = "keys of " + user.name});
  out.push_back({.kind = converge::File{.path = home + "/.ssh/authorized_keys",
                                        .content = content,
                                        .mode = 0600 | readable,
                                        .owner = owner,
                                        .group = group},
                 .why = "keys of " + user.name});
}

// A chroot has to be root's (sshd_config(5), ChrootDirectory); what the user may write to lies in it.
void add_home(Resources& out, const model::User& user, const std::string& home) {
  const std::string why = "user " + user.name;
  if (user.sftp_only) out.push_back({.kind = converge::Folder{.path = home}, .why = why});
  for (const auto& name : user.folders)
    out.push_back({.kind = converge::Folder{home + "/" + name, 02750, user.name, "www-data"}, .why = why});
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
                                          .groups = groups_of(user),
                                          .shell = user.sftp_only ? "/bin/false" : "/bin/bash",
                                          .home = home,
                                          .password = password_of(view, user)},
                   .why = "[[user]]"});
    add_home(out, user, home);
    add_ssh_keys(out, user, home);
  }
  add_sudoers(out, view);
}

} // namespace tandem::setup
