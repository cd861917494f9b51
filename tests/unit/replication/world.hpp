// A server for tests: data directories as names with what they hold, a PostgreSQL that reacts to them, and the programs
// that replication starts. The power can be cut before any change and in the middle of a copy.
#pragma once
#include "replication/database/first_copy.hpp"

#include <map>
#include <set>

namespace tandem::replication {

inline const Upstream uno{"uno", "10.0.0.1"};
inline constexpr Limit limit{10'000};
inline constexpr std::uint32_t timeline = 2; // the primary's

struct PowerCut {};

struct World;

class FakeFiles final : public system::Files {
public:
  explicit FakeFiles(World& world) : world_(world) {}

  Result<std::optional<system::FileStatus>> status(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                     system::Ownership owner) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove_tree(const std::string& path) override;

  Result<std::vector<std::string>> list(const std::string& path) override;

  Result<void> append(const std::string& /*path*/, const std::string& /*content*/) override { return none(); }

  Result<void> make_folder(const std::string& /*path*/, std::uint32_t /*mode*/, system::Ownership /*owner*/) override {
    return none();
  }

  Result<void> make_link(const std::string& /*path*/, const std::string& /*target*/) override { return none(); }

  Result<void> set_mode(const std::string& /*path*/, std::uint32_t /*mode*/) override { return none(); }

  Result<void> set_owner(const std::string& /*path*/, system::Ownership /*owner*/) override { return none(); }

  Result<void> remove(const std::string& path) override;

private:
  static Result<void> none() { return failed("replication does not do this to files"); }

  World& world_;
};

class FakeProcesses final : public system::Processes {
public:
  explicit FakeProcesses(World& world) : world_(world) {}

  Result<system::Outcome> run(const system::Command& command, const system::LineSink& on_line) override;
  std::vector<system::Command> ran;

private:
  system::Outcome copy(const std::string& folder, const system::LineSink& on_line);
  system::Outcome control(const std::string& folder);
  system::Outcome keep_wal(const std::vector<std::string>& arguments);

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

  Result<void> reload(const std::string& /*unit*/) override {
    ++reloads;
    return {};
  }

  Result<void> restart(const std::string& /*unit*/) override { return none(); }

  Result<void> enable(const std::string& /*unit*/) override { return none(); }

  Result<void> disable(const std::string& /*unit*/) override { return none(); }

  Result<void> reload_manager() override { return none(); }

  int reloads = 0;

private:
  static Result<void> none() { return failed("replication does not do this to units"); }

  World& world_;
};

class FakeDatabases final : public system::Databases {
public:
  explicit FakeDatabases(World& world) : world_(world) {}

  Result<std::vector<system::Row>> query(const std::string& database, const std::string& statement,
                                         const std::vector<std::string>& parameters) override;

private:
  World& world_;
};

class FakeClock final : public system::Clock {
public:
  std::chrono::nanoseconds boot_time() override { return now; }

  std::chrono::system_clock::time_point wall_time() override {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1'795'509'000)); // 2026-11-24 08:30 UTC
  }

  std::chrono::nanoseconds now{};
};

// One data directory.
struct Cluster {
  std::string identifier; // "": a copy that was cut off
  std::string state = "in production";
  bool standby = false; // standby.signal lies in it
  std::string made;     // what was made in it by hand; "": nothing
};

struct World {
  static constexpr auto* data = "/var/lib/postgresql/15/main";
  static constexpr auto a_try = std::chrono::milliseconds(200);
  static constexpr auto* copied = "7000000000000000001"; // the other server's system identifier

  DatabaseTools tools();
  void spend(); // before a change; throws PowerCut when there are none left
  void boot();  // after a power cut: nothing runs

  [[nodiscard]] Cluster& here() { return clusters.at(data); }

  [[nodiscard]] bool follows() const;
  [[nodiscard]] bool said_any(std::string_view part) const;
  [[nodiscard]] std::vector<std::string> kept() const; // data directories under other names

  std::map<std::string, Cluster> clusters;  // by folder
  std::map<std::string, std::string> texts; // the other files
  std::set<std::string> slots;
  bool running = false;
  bool primary_answers = true;
  bool wal_gone = false; // the primary has no longer what the cluster that is here would need: its receiver streams for
                         // a moment at each try
  bool deaf = false;     // it never comes to a connection
  bool will_not_start = false;
  bool diverged =
      false;          // the cluster that is here has WAL of its own beyond the primary's fork, on the timeline before
  int slot_taken = 0; // tries for which the primary thinks that an old connection has the slot
  int slow_promotion = 0; // questions answered "still recovering" after a promotion began
  bool promoting = false;
  WalPosition received = 0x3000000; // grows with each question up to:
  WalPosition sent = 0x3000000;
  std::optional<int> power; // changes left
  std::vector<std::string> said;

  FakeFiles files{*this};
  FakeProcesses processes{*this};
  FakeServices services{*this};
  FakeDatabases databases{*this};
  FakeClock clock;
  UpstreamPast past; // what the primary tells of itself
  AskPast ask = [this](bool /*checkpoint*/) { return past; };
  Progress progress = [this](const std::string& line) { said.push_back(line); };
};

} // namespace tandem::replication
