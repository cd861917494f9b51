#include "world.hpp"

#include "base/text.hpp"

namespace tandem::sites {

using system::FileType;
using system::Outcome;

namespace {

constexpr auto folder_type = FileType::folder;

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string option(const std::vector<std::string>& arguments, std::string_view name) {
  for (const auto& argument : arguments)
    if (argument.starts_with(name)) return argument.substr(name.size());
  return {};
}

bool contains(const std::vector<std::string>& arguments, std::string_view word) {
  return std::ranges::find(arguments, word) != arguments.end();
}

Outcome says(std::string output) {
  return Outcome{0, false, std::move(output), {}};
}

Outcome fails(std::string errors, int status = 1) {
  return Outcome{status, false, {}, std::move(errors)};
}

} // namespace

// --- files ---

Result<std::optional<system::FileStatus>> MemoryFiles::status(const std::string& path) {
  const auto found = nodes.find(path);
  if (found == nodes.end()) return std::nullopt;
  const auto& node = found->second;
  return system::FileStatus{.type = node.type,
                            .mode = node.mode,
                            .uid = node.owner.uid,
                            .gid = node.owner.gid,
                            .size = node.content.size(),
                            .modified_ns = modified_ns,
                            .target = node.type == FileType::link ? node.content : ""};
}

Result<std::string> MemoryFiles::read(const std::string& path) {
  const auto found = nodes.find(path);
  if (found == nodes.end()) return fail(ErrorKind::not_found, "opening " + path + ": No such file or directory");
  return found->second.content;
}

Result<std::vector<std::string>> MemoryFiles::list(const std::string& path) {
  if (!has(path)) return fail(ErrorKind::not_found, "opening " + path + ": No such file or directory");
  std::vector<std::string> names;
  for (const auto& [name, node] : nodes)
    if (name != "/" && parent_of(name) == path) names.push_back(name.substr(name.find_last_of('/') + 1));
  return names;
}

Result<void> MemoryFiles::put(const std::string& path, Node node) {
  power_.spend();
  if (full.contains(path)) return failed("writing " + path + ": No space left on device");
  const auto parent = nodes.find(parent_of(path));
  if (parent == nodes.end() || parent->second.type != folder_type)
    return failed("making " + path + ": there is no folder " + parent_of(path));
  const auto old = nodes.find(path);
  if (old != nodes.end() && old->second.type == folder_type) return failed("replacing " + path + ": Is a directory");
  nodes[path] = std::move(node);
  return {};
}

Result<void> MemoryFiles::write(const std::string& path, const std::string& content, std::uint32_t mode,
                                system::Ownership owner) {
  return put(path, {FileType::regular, mode, owner, content});
}

Result<void> MemoryFiles::append(const std::string& path, const std::string& content) {
  return put(path, {FileType::regular, 0600, {}, nodes[path].content + content});
}

Result<void> MemoryFiles::make_folder(const std::string& path, std::uint32_t mode, system::Ownership owner) {
  if (const auto old = nodes.find(path); old != nodes.end() && old->second.type == folder_type) return {};
  TANDEM_CHECK(put(path, {folder_type, 0700, {}, {}}));
  power_.spend(); // made, but nobody's yet
  nodes[path].owner = owner;
  nodes[path].mode = mode;
  return {};
}

Result<void> MemoryFiles::make_link(const std::string& path, const std::string& target) {
  return put(path, {FileType::link, 0777, {}, target});
}

Result<void> MemoryFiles::set_mode(const std::string& path, std::uint32_t mode) {
  power_.spend();
  nodes.at(path).mode = mode;
  return {};
}

Result<void> MemoryFiles::set_owner(const std::string& path, system::Ownership owner) {
  power_.spend();
  nodes.at(path).owner = owner;
  return {};
}

Result<void> MemoryFiles::rename(const std::string& from, const std::string& to) {
  const auto paths = below(from);
  if (paths.empty() || nodes.contains(to)) return failed("cannot rename " + from + " to " + to);
  power_.spend();
  for (const auto& path : paths) {
    auto moved = nodes.extract(path);
    moved.key() = to + path.substr(from.size());
    nodes.insert(std::move(moved));
  }
  return {};
}

Result<void> MemoryFiles::exchange(const std::string& one, const std::string& other) {
  if (!nodes.contains(one) || !nodes.contains(other)) return failed("cannot exchange " + one + " and " + other);
  power_.spend();
  const auto take = [this](const std::string& root) {
    std::map<std::string, Node> taken;
    for (const auto& path : below(root))
      taken[path.substr(root.size())] = std::move(nodes.extract(path).mapped());
    return taken;
  };
  auto first = take(one);
  auto second = take(other);
  for (auto& [path, node] : first)
    nodes[other + path] = std::move(node);
  for (auto& [path, node] : second)
    nodes[one + path] = std::move(node);
  return {};
}

Result<void> MemoryFiles::remove(const std::string& path) {
  power_.spend();
  nodes.erase(path);
  return {};
}

Result<void> MemoryFiles::remove_tree(const std::string& path) {
  const auto paths = below(path);
  for (auto at = paths.rbegin(); at != paths.rend(); ++at) {
    power_.spend();
    nodes.erase(*at);
  }
  return {};
}

std::vector<std::string> MemoryFiles::below(const std::string& folder) const {
  std::vector<std::string> paths;
  for (const auto& [path, node] : nodes)
    if (path == folder || path.starts_with(folder + "/")) paths.push_back(path);
  return paths;
}

// --- programs ---

Result<Outcome> FakeProcesses::run(const system::Command& command, const system::LineSink& on_line) {
  ran.push_back(command);
  world_.power.spend();
  const auto& arguments = command.arguments;
  const auto program = arguments[0].substr(arguments[0].find_last_of('/') + 1);
  if (!world_.failing.empty() && contains(arguments, world_.failing)) {
    if (on_line) on_line("cannot connect with password correct-horse");
    return fails("cannot connect with password correct-horse");
  }
  if (contains(arguments, "migrate") && world_.locked > 0) {
    --world_.locked;
    return fails("psycopg2.errors.LockNotAvailable: canceling statement due to lock timeout");
  }
  if (program == "git") {
    auto said = git(arguments);
    for (const auto& line : lines_of(said.output))
      if (on_line) on_line(line);
    return said;
  }
  if (program == "python3" && contains(arguments, "--version")) return says("Python 3.11.2\n");
  if (program == "python3" && contains(arguments, "virtualenv")) return build_environment(arguments.back());
  if (program == "chown") return own(arguments);
  if (program == "rsync") return rsync(arguments);
  if (program == "journalctl") return says("ImportError: no module named shop\n");
  return says("");
}

Outcome FakeProcesses::git(const std::vector<std::string>& arguments) {
  auto& files = world_.files;
  const auto mirror = option(arguments, "--git-dir=");
  const auto make = [&](const std::string& name) {
    files.nodes[mirror + "/" + name] = {FileType::regular, 0644, {}, {}};
  };
  if (contains(arguments, "init")) make("HEAD");
  if (!files.has(mirror + "/HEAD")) return fails("fatal: not a git repository: '" + mirror + "'", 128);
  if (contains(arguments, "fetch")) {
    if (files.has(mirror + "/packed-refs.lock"))
      return fails("fatal: Unable to create '" + mirror + "/packed-refs.lock': File exists", 128);
    make("packed-refs.lock");
    world_.power.spend(); // cut here, the lock stays
    files.nodes.erase(mirror + "/packed-refs.lock");
    make("packed-refs");
  }
  if (contains(arguments, "rev-parse")) {
    const auto& wanted = arguments.back();
    if (wanted == "refs/heads/" + world_.site.branch + "^{commit}") return says(world_.branch_head + "\n");
    for (const auto& [hash, commit] : world_.commits)
      if (wanted == hash.substr(0, wanted.find('^')) + "^{commit}" && wanted.find('^') >= 7) return says(hash + "\n");
    return fails("", 1);
  }
  if (contains(arguments, "checkout")) return check_out(arguments);
  if (contains(arguments, "ls-tree")) {
    std::string names;
    for (const auto& [path, text] : world_.commits.at(arguments.back()).files)
      names += path + "\n";
    return says(names);
  }
  return says("");
}

Outcome FakeProcesses::check_out(const std::vector<std::string>& arguments) {
  const auto folder = option(arguments, "--work-tree=");
  world_.files.nodes[folder + "/.tandem-index"] = {FileType::regular, 0644, {}, {}};
  for (const auto& [path, text] : world_.commits.at(arguments[arguments.size() - 3]).files) {
    world_.power.spend(); // cut in the middle of the checkout
    const auto whole = folder + "/" + path;
    for (auto parent = parent_of(whole); !world_.files.has(parent); parent = parent_of(parent))
      world_.files.nodes[parent] = {folder_type, 0755, {}, {}};
    world_.files.nodes[whole] = {FileType::regular, 0644, {}, text};
  }
  return says("");
}

Outcome FakeProcesses::build_environment(const std::string& folder) {
  world_.files.nodes[folder] = {folder_type, 0755, {1001, 33}, {}};
  world_.power.spend(); // cut before it has a Python
  world_.files.nodes[folder + "/bin"] = {folder_type, 0755, {1001, 33}, {}};
  for (const auto* name : {"python", "pip"})
    world_.files.nodes[folder + "/bin/" + name] = {FileType::regular, 0755, {1001, 33}, {}};
  return says("");
}

Outcome FakeProcesses::own(const std::vector<std::string>& arguments) {
  for (const auto& path : world_.files.below(arguments.back())) {
    world_.power.spend();
    world_.files.nodes[path].owner = {1001, 33};
  }
  return says("");
}

Outcome FakeProcesses::rsync(const std::vector<std::string>& arguments) {
  const auto& from = arguments[arguments.size() - 2];
  const auto& to = arguments.back();
  for (const auto& path : world_.files.below(from.substr(0, from.size() - 1))) {
    if (path.size() < from.size()) continue;
    world_.power.spend();
    world_.files.nodes[to + path.substr(from.size())] = world_.files.nodes[path];
  }
  return says("");
}

// --- what runs ---

Result<system::UnitStatus> FakeServices::status(const std::string& unit) {
  const auto found = since.find(unit);
  const bool by_hand = unit.ends_with("@" + world_.site.domain + ".service") && !unit.starts_with("tandem");
  return system::UnitStatus{.load = "loaded",
                            .active = active.contains(unit) ? "active" : "inactive",
                            .file = enabled.contains(unit) ? "enabled"
                                    : by_hand              ? "disabled"
                                                           : "static",
                            .sub = "",
                            .since = found == since.end() ? std::chrono::microseconds(0) : found->second};
}

Result<void> FakeServices::start(const std::string& unit) {
  world_.power.spend();
  const Layout layout;
  if (unit == world_.by_hand.unit || std::ranges::find(world_.by_hand.workers, unit) != world_.by_hand.workers.end()) {
    active.insert(unit);
    return {};
  }
  for (const auto& id : world_.releases()) {
    if (site_unit(world_.site.domain, id) != unit) continue;
    if (!world_.files.has(layout.uwsgi_ini(world_.site.domain, id)) ||
        !world_.files.has(layout.uwsgi_environment(world_.site.domain, id)))
      return failed("starting " + unit + ": systemd says failed");
    active.insert(unit);
    world_.files.nodes[layout.socket(world_.site.domain, id)] = {FileType::other, 0660, {1001, 33}, {}};
    return {};
  }
  return failed("starting " + unit + ": there is no such release");
}

Result<void> FakeServices::stop(const std::string& unit) {
  world_.power.spend();
  active.erase(unit);
  return {};
}

Result<void> FakeServices::enable(const std::string& unit) {
  world_.power.spend();
  enabled.insert(unit);
  return {};
}

Result<void> FakeServices::disable(const std::string& unit) {
  world_.power.spend();
  return enabled.erase(unit) == 1 ? Result<void>() : failed("nothing else of a site is disabled");
}

Result<system::Answer> FakeApplications::ask(const std::string& socket, const system::Question& question) {
  const std::lock_guard guard(mutex_);
  asked.push_back(question);
  auto path = socket;
  const auto link = world_.files.nodes.find(path);
  if (link != world_.files.nodes.end() && link->second.type == FileType::link)
    path = link->second.content.starts_with('/') ? link->second.content : parent_of(path) + "/" + link->second.content;
  const Layout layout;
  if (path == world_.by_hand.socket && world_.services.active.contains(world_.by_hand.unit))
    return system::Answer{200, "by hand"};
  for (const auto& id : world_.releases()) {
    if (layout.socket(world_.site.domain, id) != path ||
        !world_.services.active.contains(site_unit(world_.site.domain, id)))
      continue;
    TANDEM_TRY(const auto manifest, world_.files.read(layout.manifest(world_.site.domain, id)));
    TANDEM_TRY(const auto release, release_from(manifest));
    return system::Answer{world_.commits.at(release.commit).health, release.commit};
  }
  return fail(ErrorKind::unavailable, "nothing answers at " + path);
}

Result<bool> FakeApplications::wait_idle(const std::string& /*socket*/, std::chrono::milliseconds /*limit*/) {
  return !stays_busy;
}

// --- the world ---

World::World() {
  files.nodes["/run"] = files.nodes["/var"] = files.nodes["/var/lib"] =
      files.nodes["/etc"] = {folder_type, 0755, {}, {}};
  files.nodes["/etc/janome.env"] = {FileType::regular, 0600, {}, "SHOP_PASSWORD=correct-horse\n"};
  site.domain = "janome.club";
  site.repo = "git@github.com:andreynovikov/django-shop.git";
  site.branch = "janome";
  site.owner = "nikolays";
  site.wsgi = "sewingworld.wsgi:application";
  site.environment = {{"DJANGO_SETTINGS_MODULE", "sewingworld.settings.production"}};
  site.environment_file = model::SecretFile{"secrets/janome.env", "/etc/janome.env"};
  site.folders = {{.name = "media", .owner = {}, .group = {}, .replicate = true},
                  {.name = "static", .owner = {}, .group = {}, .replicate = true},
                  {.name = "inbox", .owner = "import1c", .group = "www-data", .replicate = true}};
  site.serve = {{"/static/", "static"}, {"/media/", "media"}};
  site.deploy_steps = {"python manage.py migrate --noinput"};
  site.uwsgi.harakiri = std::chrono::seconds(120);
}

Tools World::tools() {
  return Tools{{files, processes, services, packages, accounts, databases, clock}, applications, Layout{}};
}

std::string World::push(char letter, FakeCommit commit) {
  commit.files.try_emplace("manage.py", "import django\n");
  commit.files.try_emplace("requirements.txt", "Django\n");
  branch_head = std::string(40, letter);
  commits[branch_head] = std::move(commit);
  return branch_head;
}

Result<Deployed> World::deploy(const std::string& wanted) {
  clock.now += std::chrono::seconds(10);
  return sites::deploy(tools(), site, wanted, peers, [this](const std::string& line) { said.push_back(line); });
}

std::string World::visitor_sees() {
  const auto answer = applications.ask(Layout{}.current_socket(site.domain), {.host = site.domain});
  return answer ? answer->text : answer.error().message;
}

void World::reboot() {
  services.active.clear();
  for (const auto& path : files.below("/run"))
    if (path != "/run") files.nodes.erase(path);
}

std::vector<std::string> World::releases() const {
  std::vector<std::string> ids;
  const auto folder = Layout{}.site_folder(site.domain) + "/";
  for (const auto& [path, node] : files.nodes)
    if (path.starts_with(folder) && is_release_id(path.substr(folder.size())))
      ids.push_back(path.substr(folder.size()));
  return ids;
}

} // namespace tandem::sites
