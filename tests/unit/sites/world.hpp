// A server for tests: files in memory, programs that do what git, virtualenv and pip would do to them, a systemd that
// only remembers. The power can be cut before any change and in the middle of those that are not atomic.
#pragma once
#include "sites/deploy.hpp"

#include <mutex>
#include <set>

namespace tandem::sites {

struct PowerCut {};

// Counts changes down; at none left the power goes.
class Power {
public:
  void cut_after(int changes) { left_ = changes; }

  void restore() { left_.reset(); }

  void spend() {
    if (!left_) return;
    if (*left_ == 0) throw PowerCut{};
    --*left_;
  }

private:
  std::optional<int> left_;
};

class MemoryFiles final : public system::Files {
public:
  struct Node {
    system::FileType type = system::FileType::regular;
    std::uint32_t mode = 0;
    system::Ownership owner;
    std::string content; // or a link's target
  };

  explicit MemoryFiles(Power& power) : power_(power) { nodes["/"] = {system::FileType::folder, 0755, {}, {}}; }

  Result<std::optional<system::FileStatus>> status(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                     system::Ownership owner) override;
  Result<void> append(const std::string& path, const std::string& content) override;
  Result<void> make_folder(const std::string& path, std::uint32_t mode, system::Ownership owner) override;
  Result<void> make_link(const std::string& path, const std::string& target) override;
  Result<void> set_mode(const std::string& path, std::uint32_t mode) override;
  Result<void> set_owner(const std::string& path, system::Ownership owner) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> exchange(const std::string& one, const std::string& other) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_tree(const std::string& path) override;

  [[nodiscard]] std::vector<std::string> below(const std::string& folder) const; // with the folder itself

  [[nodiscard]] bool has(const std::string& path) const { return nodes.contains(path); }

  std::map<std::string, Node> nodes;
  std::set<std::string> full;                           // paths that cannot be written: a full disk
  std::int64_t modified_ns = 1'795'509'000'000'000'000; // of everything

private:
  Result<void> put(const std::string& path, Node node);

  Power& power_;
};

struct World;

class FakeProcesses final : public system::Processes {
public:
  explicit FakeProcesses(World& world) : world_(world) {}

  Result<system::Outcome> run(const system::Command& command, const system::LineSink& on_line) override;
  std::vector<system::Command> ran;

private:
  system::Outcome git(const std::vector<std::string>& arguments);
  system::Outcome check_out(const std::vector<std::string>& arguments);
  system::Outcome build_environment(const std::string& folder);
  system::Outcome own(const std::vector<std::string>& arguments);
  system::Outcome rsync(const std::vector<std::string>& arguments);

  World& world_;
};

class FakeServices final : public system::Services {
public:
  explicit FakeServices(World& world) : world_(world) {}

  Result<system::UnitStatus> status(const std::string& unit) override;
  Result<void> start(const std::string& unit) override;
  Result<void> stop(const std::string& unit) override;

  Result<std::vector<system::LoadedUnit>> loaded(const std::string& /*pattern*/) override { return {}; }

  Result<void> begin(system::UnitDeed deed, const std::string& unit) override {
    return deed == system::UnitDeed::stop ? stop(unit) : start(unit);
  }

  Result<void> signal(const std::string& /*unit*/, int /*number*/) override { return {}; }

  Result<void> restart(const std::string& /*unit*/) override { return failed("nothing of a site is restarted"); }

  Result<void> reload(const std::string& /*unit*/) override { return failed("nothing of a site is reloaded"); }

  Result<void> enable(const std::string& unit) override;

  Result<void> disable(const std::string& unit) override;

  Result<void> reload_manager() override { return {}; }

  std::set<std::string> active;
  std::set<std::string> enabled;                          // what was set up by hand
  std::map<std::string, std::chrono::microseconds> since; // of those of which it matters

private:
  World& world_;
};

class FakeApplications final : public system::Applications {
public:
  explicit FakeApplications(World& world) : world_(world) {}

  Result<system::Answer> ask(const std::string& socket, const system::Question& question) override;

  Result<bool> wait_calm(const std::vector<std::string>& /*sockets*/, std::chrono::milliseconds /*young*/,
                         std::chrono::milliseconds /*limit*/) override {
    return true;
  }

  Result<bool> wait_idle(const std::string& socket, std::chrono::milliseconds limit) override;

  std::vector<system::Question> asked;
  bool stays_busy = false;

private:
  World& world_;
  std::mutex mutex_; // several threads may ask at once
};

class FakeAccounts final : public system::Accounts {
public:
  Result<system::AccountTable> read() override {
    return system::AccountTable{{{"nikolays", 1001, 1001, "/home/nikolays", "/bin/bash"},
                                 {"import1c", 1002, 1002, "/home/import1c", "/bin/false"}},
                                {{"www-data", 33, {}}, {"sftponly", 1002, {}}}};
  }

  Result<void> add_group(const std::string& /*name*/, std::optional<std::uint32_t> /*gid*/) override { return none(); }

  Result<void> add_user(const system::NewUser& /*user*/) override { return none(); }

  Result<void> set_shell(const std::string& /*user*/, const std::string& /*shell*/) override { return none(); }

  Result<void> set_primary_group(const std::string& /*user*/, const std::string& /*group*/) override { return none(); }

  Result<void> add_to_group(const std::string& /*user*/, const std::string& /*group*/) override { return none(); }

  Result<void> remove_from_group(const std::string& /*user*/, const std::string& /*group*/) override { return none(); }

  Result<void> set_password(const std::string& /*user*/, const std::string& /*hash*/) override { return none(); }

private:
  static Result<void> none() { return failed("sites change no accounts"); }
};

class FakeClock final : public system::Clock {
public:
  std::chrono::nanoseconds boot_time() override { return {}; }

  std::chrono::system_clock::time_point wall_time() override { return now; }

  std::chrono::system_clock::time_point now{std::chrono::seconds(1'795'509'000)}; // 2026-11-24 08:30 UTC
};

class NoPackages final : public system::Packages {
public:
  Result<std::map<std::string, std::string>> installed() override { return failed("no packages"); }

  Result<void> install(const std::vector<std::string>& /*names*/, const system::LineSink& /*sink*/,
                       const std::function<bool()>& /*may_wait*/) override {
    return failed("no packages");
  }
};

class NoDatabases final : public system::Databases {
public:
  Result<std::vector<system::Row>> query(const std::string& /*database*/, const std::string& /*statement*/,
                                         const std::vector<std::string>& /*parameters*/) override {
    return failed("no database");
  }
};

// One commit of the site's repository.
struct FakeCommit {
  std::map<std::string, std::string> files;
  int health = 200;
};

struct World {
  World();

  [[nodiscard]] Tools tools();
  // Adds a commit to the branch; its hash is the letter forty times.
  std::string push(char letter, FakeCommit commit = {});
  Result<Deployed> deploy(const std::string& wanted = "");
  // The commit that answers a visitor through nginx's socket, or why none does.
  std::string visitor_sees();
  // What a reboot leaves: nothing runs and /run is empty.
  void reboot();
  [[nodiscard]] std::vector<std::string> releases() const; // ids of all folders, finished or not

  Power power;
  MemoryFiles files{power};
  FakeProcesses processes{*this};
  FakeServices services{*this};
  FakeApplications applications{*this};
  FakeAccounts accounts;
  FakeClock clock;
  NoPackages packages;
  NoDatabases databases;

  model::Site site;
  Peers peers;
  std::map<std::string, FakeCommit> commits; // by hash
  std::string branch_head;
  model::SiteByHand by_hand; // of a site that was set up by hand: its unit and where it listens
  std::string failing;       // a program that ends with status 1
  int locked = 0;            // so many migrations more get no lock
  std::vector<std::string> said;
};

} // namespace tandem::sites
