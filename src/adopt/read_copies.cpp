#include "adopt/read_copies.hpp"

#include "adopt/ini_file.hpp"
#include "base/text.hpp"
#include "config/syntax.hpp"

namespace tandem::adopt {

namespace {

constexpr auto* www = "/www";
constexpr std::size_t most_listed = 20; // changed files and commits of one working copy

class CopyReader {
public:
  CopyReader(const system::Ports& ports, const system::AccountTable& accounts) : ports_(ports), accounts_(accounts) {}

  WorkingCopy read(const std::string& folder, const system::FileStatus& status) {
    WorkingCopy copy{.folder = folder, .owner = owner_name(status.uid)};
    copy.has_environment = is_folder(folder + "/env");
    copy.has_requirements = is_there(folder + "/requirements.txt");
    read_folders(copy);
    copy.settings = settings_of(copy);
    copy.is_git = is_folder(folder + "/.git");
    if (copy.is_git) read_git(copy);
    return copy;
  }

private:
  [[nodiscard]] std::string owner_name(std::uint32_t uid) const {
    const auto* user = accounts_.user(uid);
    return user == nullptr ? std::to_string(uid) : user->name;
  }

  [[nodiscard]] std::string group_name(std::uint32_t gid) const {
    const auto* group = accounts_.group(gid);
    return group == nullptr ? std::to_string(gid) : group->name;
  }

  bool is_there(const std::string& path) {
    const auto status = ports_.files.status(path);
    return status && *status;
  }

  bool is_folder(const std::string& path) {
    const auto status = ports_.files.status(path);
    return status && *status && (*status)->type == system::FileType::folder;
  }

  void read_folders(WorkingCopy& copy) {
    const auto names = ports_.files.list(copy.folder);
    if (!names) return;
    for (const auto& name : *names) {
      const auto status = ports_.files.status(copy.folder + "/" + name);
      if (status && *status && (*status)->type == system::FileType::folder)
        copy.folders.push_back({name, owner_name((*status)->uid), group_name((*status)->gid)});
    }
  }

  // Where Django's settings usually are: a package's settings.py, or the files of its folder "settings".
  std::vector<std::string> settings_of(const WorkingCopy& copy) {
    std::vector<std::string> paths;
    for (const auto& folder : copy.folders) {
      const auto base = copy.folder + "/" + folder.name;
      for (const auto* name : {"/settings.py", "/local_settings.py"})
        if (is_there(base + name)) paths.push_back(base + name);
      if (!is_folder(base + "/settings")) continue;
      const auto names = ports_.files.list(base + "/settings");
      if (!names) continue;
      for (const auto& name : *names)
        if (name.ends_with(".py")) paths.push_back(base + "/settings/" + name);
    }
    return paths;
  }

  // As the folder's owner, for whom a repository can have nothing run that it could not have run anyway.
  std::vector<std::string> git(const WorkingCopy& copy, std::vector<std::string> words) {
    std::vector<std::string> arguments{"git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", copy.folder};
    arguments.insert(arguments.end(), words.begin(), words.end());
    system::Command command{.arguments = std::move(arguments)};
    if (copy.owner != "root") command.user = copy.owner;
    const auto outcome = ports_.processes.run(command);
    return outcome && outcome->ok() ? lines_of(outcome->output) : std::vector<std::string>();
  }

  void read_git(WorkingCopy& copy) {
    if (const auto head = ports_.files.read(copy.folder + "/.git/HEAD")) {
      constexpr std::string_view start = "ref: refs/heads/";
      const auto line = trim(*head);
      if (line.starts_with(start)) copy.branch = line.substr(start.size());
    }
    if (const auto config = ports_.files.read(copy.folder + "/.git/config")) {
      const auto ini = parse_ini(*config);
      if (const auto* url = ini.last("remote \"origin\"", "url")) copy.repo = url->value;
    }
    copy.tracked = git(copy, {"ls-tree", "--name-only", "HEAD"});
    copy.changed = git(copy, {"status", "--porcelain"});
    copy.unpushed = git(copy, {"log", "--oneline", "HEAD", "--not", "--remotes"});
    for (auto* lines : {&copy.changed, &copy.unpushed})
      if (lines->size() > most_listed) {
        const auto more = lines->size() - most_listed;
        lines->resize(most_listed);
        lines->push_back(fmt::format("and {} more", more));
      }
    read_host_keys(copy);
  }

  // Names are hashed there as a rule, so ssh-keygen looks for them.
  void read_host_keys(WorkingCopy& copy) {
    const auto host = config::ssh_host(copy.repo);
    if (host.empty()) return;
    std::vector<std::string> files{"/etc/ssh/ssh_known_hosts", "/root/.ssh/known_hosts"};
    if (const auto* owner = accounts_.user(copy.owner)) files.push_back(owner->home + "/.ssh/known_hosts");
    for (const auto& file : files) {
      if (!is_there(file)) continue;
      const auto outcome = ports_.processes.run({.arguments = {"ssh-keygen", "-F", host, "-f", file}});
      if (!outcome || !outcome->ok()) continue;
      for (const auto& line : lines_of(outcome->output))
        if (config::is_known_host(line) && std::ranges::find(copy.host_keys, line) == copy.host_keys.end())
          copy.host_keys.push_back(line);
    }
  }

  const system::Ports& ports_;
  const system::AccountTable& accounts_;
};

} // namespace

void read_copies(const system::Ports& ports, Found& found) {
  const auto names = ports.files.list(www);
  if (!names) return;
  CopyReader reader(ports, found.accounts);
  for (const auto& name : *names) {
    const auto folder = www + ("/" + name);
    const auto status = ports.files.status(folder);
    if (!name.starts_with('.') && status && *status && (*status)->type == system::FileType::folder)
      found.copies.push_back(reader.read(folder, **status));
  }
}

} // namespace tandem::adopt
