// Who may log in over ssh, and as what.
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// Somebody who can become root comes in by a key; only then may passwords be turned away.
bool has_keyed_administrator(const model::Pair& pair) {
  return std::ranges::any_of(pair.users, [](const model::User& user) {
    const bool sudoer = user.sudo_nopasswd || std::ranges::find(user.groups, "sudo") != user.groups.end();
    return sudoer && !user.ssh_keys.empty();
  });
}

// sshd_config(5). DisableForwarding alone has not covered everything in every version, so each kind is named too.
std::string sftp_only(const model::User& user) {
  return "\nMatch User " + user.name + "\n    ChrootDirectory /home/" + user.name +
         "\n"
         "    ForceCommand internal-sftp -u 0027\n"
         "    PasswordAuthentication " +
         (user.password_file ? "yes" : "no") +
         "\n"
         "    DisableForwarding yes\n"
         "    AllowTcpForwarding no\n"
         "    AllowStreamLocalForwarding no\n"
         "    AllowAgentForwarding no\n"
         "    X11Forwarding no\n"
         "    PermitTunnel no\n"
         "    PermitTTY no\n"
         "    PermitUserRC no\n";
}

std::string sshd_text(const model::Pair& pair) {
  auto text = header();
  if (has_keyed_administrator(pair))
    text += "PasswordAuthentication no\nKbdInteractiveAuthentication no\n";
  else
    text += "# Passwords go on to be taken: no user with sudo has ssh_keys in tandem.toml.\n";
  for (const auto& user : pair.users)
    if (user.sftp_only) text += sftp_only(user);
  return text;
}

} // namespace

bool ssh_matters(const model::Pair& pair) {
  return std::ranges::any_of(pair.users,
                             [](const model::User& user) { return user.sftp_only || !user.ssh_keys.empty(); });
}

void add_ssh(Resources& out, const View& view) {
  if (!ssh_matters(view.pair)) return;
  const std::string unit = "ssh.service";
  const std::string why = "how users log in";
  out.push_back(
      {.kind = converge::Unit{.name = unit, .enabled = true, .running = true}, .why = why, .after = {"packages"}});
  // Of each setting the first one counts, and Debian's own file begins with what lies here.
  out.push_back({.kind = converge::File{.path = "/etc/ssh/sshd_config.d/00-tandem.conf",
                                        .content = sshd_text(view.pair),
                                        .check = converge::FileCheck{{"/usr/sbin/sshd", "-t"}}},
                 .why = why,
                 .reactions = {{converge::ReactionKind::reload, unit}},
                 .after = {"packages"}});
}

} // namespace tandem::setup
