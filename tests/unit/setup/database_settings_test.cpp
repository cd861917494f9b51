// [database] settings, from tandem.toml to a PostgreSQL that runs with them: what it refuses never stays, and the
// restart that some need stands in the plan before it happens.
#include "converge/settings_file.hpp"
#include "debian.hpp"
#include "view_of.hpp"

#include <gtest/gtest.h>

namespace tandem::setup {

namespace {

using Settings = std::map<std::string, std::string>;

constexpr auto* settings_file = "/etc/postgresql/15/main/conf.d/50-tandem.conf";
constexpr auto* restart_id = "settings of postgresql@15-main.service";

// A server on which everything is applied and PostgreSQL runs, as the primary's or a standby's.
struct Running : testing::Debian {
  explicit Running(std::string name, const Settings& settings = {{"shared_buffers", "128MB"}}) : self(std::move(name)) {
    processes.answer = [this](const system::Command& command) { return check(command); };
    services.on_call = [this](const std::string& call) { take_settings(call); };
    services.put(testing::postgres_unit, "inactive", "static");
    apply_all(settings);
    services.units[testing::postgres_unit].active = "active";
    postgres.in_recovery = self == "duo";
    take_settings("start");
    services.calls.clear();
    processes.ran.clear();
  }

  Resources wanted(const Settings& settings) const {
    model::Pair pair;
    pair.name = "shops";
    pair.servers = {{"uno", "192.0.2.11", {}, "10.0.0.1"}, {"duo", "192.0.2.12", {}, "10.0.0.2"}};
    pair.database.settings = settings;
    auto view = testing::view_of(pair, self);
    return resources(view);
  }

  converge::Applied apply_all(const Settings& settings) {
    auto applied = apply(wanted(settings));
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? std::move(*applied) : converge::Applied{};
  }

  std::string plan_text(const Settings& settings) {
    const auto made = plan(wanted(settings));
    return made ? to_text(*made, self) : made.error().message;
  }

  std::size_t restarts() const {
    return static_cast<std::size_t>(
        std::ranges::count(services.calls, std::string("restart ") + testing::postgres_unit));
  }

  std::string self;
  std::string primary_has = "200"; // of max_connections, as the standby's WAL says so far

private:
  // As the real one: rejects the live file, whatever it was called for.
  system::Outcome check(const system::Command& command) const {
    if (command.arguments.front().ends_with("pg_controldata"))
      return {.output = "wal_level setting:                    replica\nmax_connections setting:              " +
                        primary_has + "\nmax_prepared_xacts setting:           0\n"};
    const bool is_check = std::ranges::find(command.arguments, "-C") != command.arguments.end();
    if (!is_check || !files.content(settings_file).contains("shared_bufers")) return {};
    return {.status = 1, .output = {}, .errors = "LOG:  unrecognized configuration parameter \"shared_bufers\"\n"};
  }

  void take_settings(const std::string& call) {
    const auto on_disk = converge::parse_settings(files.content(settings_file));
    const bool starts = !call.starts_with("reload") && !call.starts_with("stop");
    postgres.pending.clear();
    for (const auto* name : {"shared_buffers", "max_connections"}) {
      const Settings defaults{{"shared_buffers", "128MB"}, {"max_connections", "100"}};
      const auto found = on_disk.find(name);
      const auto value = found == on_disk.end() ? defaults.at(name) : found->second;
      if (starts) postgres.fixed[name] = value;
      if (postgres.fixed[name] != value) postgres.pending.insert(name);
    }
  }
};

} // namespace

TEST(DatabaseSettings, WhatPostgresqlRefusesIsPutBackAndSaidInItsOwnWords) {
  for (const auto* self : {"uno", "duo"}) {
    Running server(self);
    const auto before = server.files.content(settings_file);
    const auto applied = server.apply_all({{"shared_bufers", "1GB"}});
    ASSERT_TRUE(applied.failed) << self;
    EXPECT_EQ(*applied.failed, std::string("file ") + settings_file);
    EXPECT_TRUE(applied.error->message.contains("unrecognized configuration parameter \"shared_bufers\""));
    EXPECT_EQ(server.files.content(settings_file), before);
    EXPECT_TRUE(server.services.calls.empty()) << "nobody is told of it";
  }
}

TEST(DatabaseSettings, TheCheckNeedsNoDataDirectoryAndRunsAsPostgres) {
  Running server("duo");
  EXPECT_FALSE(server.apply_all({{"work_mem", "8MB"}}).failed);
  const std::string command = "runuser -u postgres -- /usr/lib/postgresql/15/bin/postgres -C data_directory"
                              " -c config_file=/etc/postgresql/15/main/postgresql.conf"
                              " -c data_directory=/var/lib/postgresql/15/main -c log_line_prefix=";
  EXPECT_EQ(server.processes.ran, std::vector<std::string>{command});
}

TEST(DatabaseSettings, ARestartStandsInThePlanBeforeItHappens) {
  for (const auto* self : {"uno", "duo"}) {
    Running server(self);
    const Settings more{{"shared_buffers", "1GB"}, {"work_mem", "8MB"}};
    const auto plan = server.plan_text(more);
    EXPECT_TRUE(plan.contains(restart_id)) << plan;
    EXPECT_TRUE(plan.contains("only then shared_buffers takes effect")) << plan;
    EXPECT_FALSE(server.apply_all(more).failed);
    EXPECT_EQ(server.restarts(), 1U) << self;
    EXPECT_EQ(server.postgres.fixed["shared_buffers"], "1GB");
    EXPECT_TRUE(server.plan_text(more).contains("no changes")) << server.plan_text(more);
  }
}

TEST(DatabaseSettings, ASettingThatIsTakenOutNeedsARestartToo) {
  Running server("uno", {{"shared_buffers", "1GB"}});
  EXPECT_TRUE(server.plan_text({}).contains("only then shared_buffers takes effect"));
  EXPECT_FALSE(server.apply_all({}).failed);
  EXPECT_EQ(server.restarts(), 1U);
}

TEST(DatabaseSettings, WhatAReloadChangesIsNotRestartedFor) {
  for (const auto* self : {"uno", "duo"}) {
    Running server(self);
    const Settings more{{"shared_buffers", "128MB"}, {"work_mem", "8MB"}};
    EXPECT_FALSE(server.plan_text(more).contains(restart_id));
    EXPECT_FALSE(server.apply_all(more).failed);
    EXPECT_EQ(server.restarts(), 0U);
  }
}

TEST(DatabaseSettings, BackToTheValueThatItStillRunsWithNeedsNoRestart) {
  Running server("uno");
  server.files.put(settings_file, "shared_buffers = 1GB\n");
  server.postgres.pending = {"shared_buffers"};
  EXPECT_FALSE(server.plan_text({{"shared_buffers", "128MB"}}).contains(restart_id));
}

TEST(DatabaseSettings, AServerWithoutItsFirstCopyIsLeftToReplication) {
  Running server("duo");
  const Settings more{{"shared_buffers", "1GB"}};
  server.postgres.in_recovery = false; // Debian's own cluster
  EXPECT_FALSE(server.plan_text(more).contains(restart_id));
  server.services.units[testing::postgres_unit].active = "inactive";
  EXPECT_FALSE(server.plan_text(more).contains(restart_id));
  EXPECT_FALSE(server.apply_all(more).failed);
  EXPECT_EQ(server.restarts(), 0U);
}

// PostgreSQL: "recovery aborted because of insufficient parameter settings".
TEST(DatabaseSettings, AStandbyIsNotRestartedIntoLessThanItsPrimaryHas) {
  const Settings less{{"max_connections", "50"}, {"shared_buffers", "1GB"}};
  Running standby("duo");
  EXPECT_FALSE(standby.plan_text(less).contains(restart_id));
  EXPECT_FALSE(standby.apply_all(less).failed);
  EXPECT_EQ(standby.restarts(), 0U);
  EXPECT_TRUE(standby.plan_text(less).contains("lowers max_connections once its primary has less, too"));
  EXPECT_FALSE(standby.apply_all({{"max_connections", "200"}}).failed);
  EXPECT_EQ(standby.restarts(), 1U) << "more is no harm";
  EXPECT_FALSE(standby.apply_all(less).failed);
  standby.primary_has = "50";
  EXPECT_FALSE(standby.apply_all(less).failed);
  EXPECT_EQ(standby.restarts(), 2U) << "now its primary has as little";
  EXPECT_FALSE(standby.apply_all({{"max_connections", "60"}}).failed);
  standby.primary_has = "100";
  EXPECT_EQ(standby.apply_all({}).held_back, std::vector<std::string>{}) << "back to PostgreSQL's own value";
  Running primary("uno");
  EXPECT_FALSE(primary.apply_all(less).failed);
  EXPECT_EQ(primary.restarts(), 1U);
}

} // namespace tandem::setup
