// A server in memory, for tests of what works over the ports: files, accounts, packages, units and a database that
// record what is done to them. `cut_after` makes every action after that many fail, as if the power had gone.
#pragma once
#include "system/ports.hpp"

#include <optional>
#include <set>

namespace tandem::fakes {

// Counts the actions that change something; one place decides when the power goes.
struct Power {
  int actions = 0;
  std::optional<int> cut_after;

  Result<void> spend() {
    if (cut_after && actions >= *cut_after) return failed("the power is gone");
    ++actions;
    return {};
  }
};

class Files final : public system::Files {
public:
  explicit Files(Power& power) : power_(power) { entries_["/"] = {.status = folder(0755)}; }

  struct Entry {
    system::FileStatus status;
    std::string content;
  };

  Result<std::optional<system::FileStatus>> status(const std::string& path) override {
    const auto found = entries_.find(path);
    if (found == entries_.end()) return std::optional<system::FileStatus>{};
    return found->second.status;
  }

  Result<std::string> read(const std::string& path) override {
    const auto found = entries_.find(path);
    if (found == entries_.end()) return fail(ErrorKind::not_found, "opening " + path + ": No such file or directory");
    if (found->second.status.type == system::FileType::link) return read(found->second.status.target);
    return found->second.content;
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    if (!entries_.contains(path)) return fail(ErrorKind::not_found, "opening " + path);
    std::vector<std::string> names;
    const auto prefix = path == "/" ? path : path + "/";
    for (const auto& [other, entry] : entries_)
      if (other.starts_with(prefix) && other.size() > prefix.size() && !other.substr(prefix.size()).contains('/'))
        names.push_back(other.substr(prefix.size()));
    return names;
  }

  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                     system::Ownership owner) override {
    TANDEM_CHECK(power_.spend());
    TANDEM_CHECK(parent_is_there(path));
    put(path, content, mode, owner);
    return {};
  }

  Result<void> append(const std::string& path, const std::string& content) override {
    TANDEM_CHECK(power_.spend());
    TANDEM_CHECK(parent_is_there(path));
    if (!entries_.contains(path)) put(path, "", 0600, {});
    entries_[path].content += content;
    return {};
  }

  Result<void> make_folder(const std::string& path, std::uint32_t mode, system::Ownership owner) override {
    if (entries_.contains(path)) return {};
    TANDEM_CHECK(power_.spend());
    TANDEM_CHECK(parent_is_there(path));
    entries_[path] = {.status = folder(mode), .content = {}};
    return set_owner_now(path, owner);
  }

  Result<void> make_link(const std::string& path, const std::string& target) override {
    TANDEM_CHECK(power_.spend());
    TANDEM_CHECK(parent_is_there(path));
    put_link(path, target);
    return {};
  }

  Result<void> set_mode(const std::string& path, std::uint32_t mode) override {
    TANDEM_CHECK(power_.spend());
    entries_.at(path).status.mode = mode;
    return {};
  }

  Result<void> set_owner(const std::string& path, system::Ownership owner) override {
    TANDEM_CHECK(power_.spend());
    return set_owner_now(path, owner);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    TANDEM_CHECK(power_.spend());
    auto moved = entries_.extract(from);
    if (moved.empty()) return fail(ErrorKind::not_found, "renaming " + from);
    moved.key() = to;
    entries_.insert_or_assign(to, std::move(moved.mapped()));
    return {};
  }

  Result<void> remove(const std::string& path) override {
    TANDEM_CHECK(power_.spend());
    entries_.erase(path);
    return {};
  }

  Result<void> remove_tree(const std::string& path) override {
    TANDEM_CHECK(power_.spend());
    std::erase_if(entries_,
                  [&](const auto& entry) { return entry.first == path || entry.first.starts_with(path + "/"); });
    return {};
  }

  // For tests to arrange and to look, past the power.
  void put(const std::string& path, const std::string& content, std::uint32_t mode = 0644,
           system::Ownership owner = {}) {
    system::FileStatus status{.type = system::FileType::regular,
                              .mode = mode,
                              .uid = owner.uid,
                              .gid = owner.gid,
                              .size = content.size(),
                              .target = {}};
    entries_[path] = {.status = status, .content = content};
  }

  void put_folder(const std::string& path, std::uint32_t mode = 0755) { entries_[path] = {.status = folder(mode)}; }

  void put_link(const std::string& path, const std::string& target) {
    entries_[path] = {.status = {.type = system::FileType::link, .mode = 0777, .target = target}, .content = {}};
  }

  void forget(const std::string& path) { entries_.erase(path); }

  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }

  [[nodiscard]] std::string content(const std::string& path) const {
    const auto found = entries_.find(path);
    return found == entries_.end() ? "(nothing there)" : found->second.content;
  }

private:
  static system::FileStatus folder(std::uint32_t mode) {
    return {.type = system::FileType::folder, .mode = mode, .target = {}};
  }

  Result<void> parent_is_there(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == 0 || entries_.contains(path.substr(0, slash))) return {};
    return fail(ErrorKind::not_found, "making " + path + ": No such file or directory");
  }

  Result<void> set_owner_now(const std::string& path, system::Ownership owner) {
    entries_.at(path).status.uid = owner.uid;
    entries_.at(path).status.gid = owner.gid;
    return {};
  }

  Power& power_;
  std::map<std::string, Entry> entries_;
};

// Answers by a function of the test's; records each command line.
class Processes final : public system::Processes {
public:
  std::function<system::Outcome(const system::Command&)> answer = [](const auto&) { return system::Outcome{}; };
  std::vector<std::string> ran;

  Result<system::Outcome> run(const system::Command& command, const system::LineSink& /*on_line*/) override {
    std::string line;
    for (const auto& argument : command.arguments)
      line += (line.empty() ? "" : " ") + argument;
    ran.push_back(line);
    return answer(command);
  }
};

class Services final : public system::Services {
public:
  explicit Services(Power& power) : power_(power) {}

  std::map<std::string, system::UnitStatus> units;
  std::vector<std::string> calls;
  std::string refuse;                                                   // a unit
  std::set<std::string> queued;                                         // units for which a job is under way
  std::function<void(const std::string&)> on_call = [](const auto&) {}; // "restart nginx.service", once it is done

  Result<system::UnitStatus> status(const std::string& unit) override {
    const auto found = units.find(unit);
    if (found == units.end())
      return system::UnitStatus{.load = "not-found", .active = "inactive", .file = "", .sub = "dead"};
    return found->second;
  }

  // The pattern is a name with one "*".
  Result<std::vector<system::LoadedUnit>> loaded(const std::string& pattern) override {
    const auto star = pattern.find('*');
    std::vector<system::LoadedUnit> found;
    for (const auto& [name, status] : units)
      if (name.starts_with(pattern.substr(0, star)) && name.ends_with(pattern.substr(star + 1)))
        found.push_back({name, status.load, status.active, status.sub, queued.contains(name)});
    return found;
  }

  Result<void> begin(system::UnitDeed deed, const std::string& unit) override {
    if (deed == system::UnitDeed::stop) return set(unit, "begin-stop", "deactivating");
    return set(unit, deed == system::UnitDeed::start ? "begin-start" : "begin-restart", "active");
  }

  Result<void> signal(const std::string& unit, int number) override {
    return set(unit, "signal " + std::to_string(number), "deactivating");
  }

  Result<void> start(const std::string& unit) override { return set(unit, "start", "active"); }

  Result<void> stop(const std::string& unit) override { return set(unit, "stop", "inactive"); }

  Result<void> restart(const std::string& unit) override { return set(unit, "restart", "active"); }

  Result<void> reload(const std::string& unit) override { return set(unit, "reload", "active"); }

  Result<void> enable(const std::string& unit) override { return set_file(unit, "enable", "enabled"); }

  Result<void> disable(const std::string& unit) override { return set_file(unit, "disable", "disabled"); }

  Result<void> reload_manager() override {
    TANDEM_CHECK(power_.spend());
    calls.emplace_back("daemon-reload");
    for (auto& [name, status] : units)
      status.stale = false;
    return {};
  }

  void put(const std::string& unit, const std::string& active, const std::string& file) {
    units[unit] = {.load = "loaded", .active = active, .file = file, .sub = ""};
  }

private:
  Result<void> set(const std::string& unit, const std::string& verb, const std::string& active) {
    TANDEM_CHECK(power_.spend());
    calls.push_back(verb + " " + unit);
    if (!units.contains(unit)) return failed("there is no unit " + unit);
    if (unit == refuse) return failed("systemd does not do that to " + unit);
    units[unit].active = active;
    on_call(calls.back());
    return {};
  }

  Result<void> set_file(const std::string& unit, const std::string& verb, const std::string& file) {
    TANDEM_CHECK(power_.spend());
    calls.push_back(verb + " " + unit);
    units[unit].file = file;
    return {};
  }

  Power& power_;
};

class Packages final : public system::Packages {
public:
  explicit Packages(Power& power) : power_(power) {}

  std::map<std::string, std::string> present;
  std::function<void(const std::string&)> on_install = [](const auto&) {};

  Result<std::map<std::string, std::string>> installed() override { return present; }

  Result<void> install(const std::vector<std::string>& names, const system::LineSink& /*on_line*/,
                       const std::function<bool()>& /*may_wait*/) override {
    for (const auto& name : names) {
      TANDEM_CHECK(power_.spend());
      present[name] = "1.0";
      on_install(name);
    }
    return {};
  }

private:
  Power& power_;
};

class Accounts final : public system::Accounts {
public:
  explicit Accounts(Power& power) : power_(power) {
    table.users = {{"root", 0, 0, "/root", "/bin/bash"}};
    table.groups = {{"root", 0, {}}};
  }

  system::AccountTable table;
  std::function<void(const system::NewUser&)> on_add_user = [](const auto&) {};

  Result<system::AccountTable> read() override { return table; }

  Result<void> add_group(const std::string& name, std::optional<std::uint32_t> gid) override {
    TANDEM_CHECK(power_.spend());
    table.groups.push_back({name, gid.value_or(2000 + static_cast<std::uint32_t>(table.groups.size())), {}});
    return {};
  }

  Result<void> add_user(const system::NewUser& user) override {
    TANDEM_CHECK(power_.spend());
    table.users.push_back({user.name, user.uid, table.group(user.primary_group)->gid, user.home, user.shell});
    on_add_user(user);
    return {};
  }

  Result<void> set_shell(const std::string& user, const std::string& shell) override {
    TANDEM_CHECK(power_.spend());
    entry(user).shell = shell;
    return {};
  }

  Result<void> set_primary_group(const std::string& user, const std::string& group) override {
    TANDEM_CHECK(power_.spend());
    entry(user).gid = table.group(group)->gid;
    return {};
  }

  Result<void> add_to_group(const std::string& user, const std::string& group) override {
    TANDEM_CHECK(power_.spend());
    for (auto& other : table.groups)
      if (other.name == group) other.members.push_back(user);
    return {};
  }

  Result<void> remove_from_group(const std::string& user, const std::string& group) override {
    TANDEM_CHECK(power_.spend());
    for (auto& other : table.groups)
      if (other.name == group) std::erase(other.members, user);
    return {};
  }

  Result<void> set_password(const std::string& user, const std::string& hash) override {
    TANDEM_CHECK(power_.spend());
    entry(user).password = hash;
    return {};
  }

private:
  system::UserEntry& entry(const std::string& name) {
    return *std::ranges::find(table.users, name, &system::UserEntry::name);
  }

  Power& power_;
};

// Answers by a function of the test's; records the statements. Unreachable until `running`.
class Databases final : public system::Databases {
public:
  bool running = false;
  std::vector<std::string> statements;
  std::function<std::vector<system::Row>(const std::string&)> answer = [](const auto&) {
    return std::vector<system::Row>{};
  };

  Result<std::vector<system::Row>> query(const std::string& /*database*/, const std::string& statement,
                                         const std::vector<std::string>& /*parameters*/) override {
    if (!running) return fail(ErrorKind::unavailable, "connecting to PostgreSQL: no server");
    statements.push_back(statement);
    return answer(statement);
  }
};

class Clock final : public system::Clock {
public:
  std::chrono::nanoseconds boot{0};
  std::chrono::system_clock::time_point wall{std::chrono::hours(24 * 365 * 50)};

  std::chrono::nanoseconds boot_time() override { return boot; }

  std::chrono::system_clock::time_point wall_time() override { return wall; }
};

struct Server {
  Power power;
  Files files{power};
  Processes processes;
  Services services{power};
  Packages packages{power};
  Accounts accounts{power};
  Databases databases;
  Clock clock;
  system::Ports ports{files, processes, services, packages, accounts, databases, clock};
};

} // namespace tandem::fakes
