// Who may log in over ssh, and as what.
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// Somebody comes in by a key and can become root then, for which the group sudo asks for a password; only then may
// passwords be turned away.
bool has_keyed_administrator(const model::Pair& pair) {
  return std::ranges::any_of(pair.users, [](const model::User& user) {
    const bool sudo = std::ranges::find(user.groups, "sudo") != user.groups.end();
    return !user.ssh_keys.empty() && (user.sudo_nopasswd || (sudo && user.password_file));
  });
}

std::string names_of(const model::Pair& pair, bool sftp_only, const std::string& before) {
  std::string names;
  for (const auto& user : pair.users)
    if (user.sftp_only == sftp_only) names += (names.empty() ? "" : ",") + before + user.name;
  return names;
}

// sshd_config(5). DisableForwarding alone has not covered everything in every version, so each kind is named too.
std::string shut_in(const std::string& who) {
  return "\nMatch " + who +
         "\n"
         "    ChrootDirectory %h\n"
         "    ForceCommand internal-sftp -u 0027\n"
         "    PasswordAuthentication yes\n"
         "    DisableForwarding yes\n"
         "    AllowTcpForwarding no\n"
         "    AllowStreamLocalForwarding no\n"
         "    AllowAgentForwarding no\n"
         "    X11Forwarding no\n"
         "    PermitTunnel no\n"
         "    PermitTTY no\n"
         "    PermitUserRC no\n";
}

// By name, from before their accounts are there; and by a group of tandem's own, in which an account stays that leaves
// tandem.toml, but for those that may do more by now.
std::string sftp_only(const model::Pair& pair) {
  const auto named = names_of(pair, true, "");
  const auto others = names_of(pair, false, "!");
  return (named.empty() ? "" : shut_in("User " + named)) +
         shut_in(std::string("Group ") + sftp_group + " User *" + (others.empty() ? "" : "," + others));
}

std::string sshd_text(const model::Pair& pair) {
  auto text = header();
  if (has_keyed_administrator(pair))
    text += "PasswordAuthentication no\nKbdInteractiveAuthentication no\n";
  else
    text += "# Passwords go on to be taken: nobody in tandem.toml has ssh_keys and can become root with sudo.\n";
  return text + sftp_only(pair);
}

// Without the line that reads its folder, a file there would do nothing.
constexpr auto* check = R"(grep -Eqi '^\s*Include\s+/etc/ssh/sshd_config\.d/\*\.conf' /etc/ssh/sshd_config || {
  echo '/etc/ssh/sshd_config does not read /etc/ssh/sshd_config.d: put "Include /etc/ssh/sshd_config.d/*.conf" at its beginning, as Debian has it' >&2
  exit 1
}
mkdir -p /run/sshd && exec /usr/sbin/sshd -t)";

} // namespace

bool ssh_matters(const model::Pair& pair) {
  return std::ranges::any_of(pair.users,
                             [](const model::User& user) { return user.sftp_only || !user.ssh_keys.empty(); });
}

void add_ssh(Resources& out, const View& view) {
  if (!ssh_matters(view.pair)) return;
  const std::string unit = "ssh.service";
  const std::string why = "how users log in";
  // A partner that reaches whichever server knows it.
  for (const auto& [path, content] : view.host_keys) {
    const bool open = path.ends_with(".pub");
    out.push_back(
        {.kind = converge::File{.path = path, .content = content, .mode = open ? 0644U : 0600U, .secret = !open},
         .why = "all servers show partners the same key",
         .reactions = {{converge::ReactionKind::reload, unit}},
         .after = {"packages"}});
  }
  // Of each setting the first one counts, and Debian's own file begins with what lies here.
  out.push_back({.kind = converge::File{.path = "/etc/ssh/sshd_config.d/00-tandem.conf",
                                        .content = sshd_text(view.pair),
                                        .check = converge::FileCheck{{"sh", "-c", check}}},
                 .why = why,
                 .reactions = {{converge::ReactionKind::reload, unit}},
                 .after = {"packages"}});
  // After the file, so that sshd reads it before what comes next.
  out.push_back(
      {.kind = converge::Unit{.name = unit, .enabled = true, .running = true}, .why = why, .after = {"packages"}});
}

} // namespace tandem::setup
