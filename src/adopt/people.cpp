#include "adopt/draft.hpp"
#include "base/text.hpp"
#include "config/reserved.hpp"
#include "config/syntax.hpp"

#include <array>

namespace tandem::adopt {

namespace {

constexpr std::uint32_t first_person = 1000;
constexpr std::uint32_t last_person = 59999;

// Who may become root without a password, by the lines of sudo that say so of all commands.
class Sudoers {
public:
  Sudoers(Draft& draft, const Found& found) {
    auto paths = found.in("/etc/sudoers.d");
    paths.emplace_back("/etc/sudoers");
    for (const auto& path : paths)
      if (const auto* text = found.file(path)) read(draft, path, *text);
  }

  [[nodiscard]] bool has(const std::string& name) const { return std::ranges::find(names_, name) != names_.end(); }

private:
  void read(Draft& draft, const std::string& path, const std::string& text) {
    std::size_t number = 0;
    for (const auto& whole : lines_of(text)) {
      ++number;
      const std::string line(trim(whole));
      if (line.empty() || line.starts_with('#') || line.starts_with('@') || line.starts_with("Defaults")) continue;
      auto words = split(replace_all(replace_all(line, "\t", " "), "NOPASSWD: ", "NOPASSWD:"), ' ');
      std::erase(words, "");
      const auto who = words.front();
      // As somebody else than root it is another right.
      constexpr std::array<std::string_view, 4> as_root{"ALL=(ALL)", "ALL=(ALL:ALL)", "ALL=(root)", "ALL=(root:root)"};
      const bool all =
          words.size() == 3 && std::ranges::find(as_root, words[1]) != as_root.end() && words[2] == "NOPASSWD:ALL";
      const bool short_form = words.size() == 2 && words[1] == "ALL=NOPASSWD:ALL";
      if ((all || short_form) && who != "root")
        names_.push_back(who);
      else if (who != "root" && who != "%sudo" && who != "%admin")
        draft.cannot_tell(path, number, "\"" + line + "\": it stays as it is");
    }
  }

  std::vector<std::string> names_; // a group's with "%"
};

void add_keys(Draft& draft, const Found& found, const system::UserEntry& entry, model::User& user) {
  const auto path = entry.home + "/.ssh/authorized_keys";
  const auto* text = found.file(path);
  if (text == nullptr) return;
  std::size_t number = 0;
  for (const auto& whole : lines_of(*text)) {
    ++number;
    const std::string line(trim(whole));
    if (line.empty() || line[0] == '#') continue;
    if (!config::is_ssh_key(line) || !config::is_printable(line))
      draft.cannot_tell(path, number, "a key with options, or none at all: tandem would write the file without it");
    else if (std::ranges::find(user.ssh_keys, line) == user.ssh_keys.end())
      user.ssh_keys.push_back(line);
  }
}

bool is_shut_out(const system::UserEntry& entry) {
  return entry.shell.ends_with("/false") || entry.shell.ends_with("/nologin");
}

void add_groups(const Found& found, const system::UserEntry& entry, model::User& user) {
  if (const auto* own = found.accounts.group(entry.gid); own != nullptr && own->name != entry.name)
    user.primary_group = own->name;
  for (const auto& group : found.accounts.groups)
    if (std::ranges::find(group.members, entry.name) != group.members.end() && config::is_user_name(group.name) &&
        group.name != user.primary_group.value_or(user.name))
      user.groups.push_back(group.name);
}

// What keeps an account out of the file; "" when nothing does. Those who are left out stay as they are.
std::string obstacle(const model::User& user, const system::UserEntry& entry) {
  if (!config::is_user_name(entry.name)) return "tandem's names of users are lower-case letters, digits, - and _";
  if (const auto* reason = config::reserved::user(entry.name)) return *reason;
  if (user.primary_group && !config::is_user_name(*user.primary_group)) return "the name of its group";
  if (is_shut_out(entry) && user.ssh_keys.empty())
    return "it has no shell, and its password cannot be read: to have it, write its [[user]] with sftp_only = true "
           "and a password_file";
  return {};
}

} // namespace

void draft_people(Draft& draft, const Found& found) {
  const Sudoers sudoers(draft, found);
  auto entries = found.accounts.users;
  std::ranges::sort(entries, {}, [](const system::UserEntry& entry) { return std::pair(entry.uid, entry.name); });
  for (const auto& entry : entries) {
    if (entry.uid < first_person || entry.uid > last_person) continue;
    model::User user{.name = entry.name, .uid = entry.uid};
    add_groups(found, entry, user);
    Draft remarks;
    add_keys(remarks, found, entry, user);
    if (const auto why = obstacle(user, entry); !why.empty()) {
      draft.cannot_tell("/etc/passwd", 0, "the user " + entry.name + ", who is left as it is: " + why);
      continue;
    }
    std::ranges::move(remarks.strange, std::back_inserter(draft.strange));
    user.sftp_only = is_shut_out(entry);
    user.sudo_nopasswd = sudoers.has(entry.name);
    for (const auto& group : user.groups)
      user.sudo_nopasswd = user.sudo_nopasswd || sudoers.has("%" + group);
    if (user.sftp_only && (user.sudo_nopasswd || std::ranges::find(user.groups, "sudo") != user.groups.end())) {
      draft.cannot_tell("/etc/passwd", 0,
                        "the user " + entry.name + ", who is left as it is: it has no shell and may become root");
      continue;
    }
    if (!is_shut_out(entry) && entry.shell != "/bin/bash")
      draft.cannot_tell("/etc/passwd", 0, "the shell " + entry.shell + " of " + entry.name + ": it becomes /bin/bash");
    if (entry.home != "/home/" + entry.name)
      draft.cannot_tell("/etc/passwd", 0,
                        "the home " + entry.home + " of " + entry.name + ": tandem puts keys and folders into /home/" +
                            entry.name);
    draft.pair.users.push_back(std::move(user));
  }
}

} // namespace tandem::adopt
