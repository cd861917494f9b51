#include "agent/duties.hpp"

#include "agent/operations/replication.hpp"
#include "base/text.hpp"
#include "replication/database/rewind.hpp"
#include "replication/database/running.hpp"
#include "sites/serving.hpp"
#include "sites/work.hpp"
#include "system/postgres_layout.hpp"

namespace tandem::agent {

namespace {

constexpr auto promote_limit = std::chrono::minutes(10);

using replication::DatabaseState;

// A standby's receiver is away for a moment after every hiccup and for up to a minute after a power cut
// (wal_sender_timeout of the connection that it had before).
constexpr auto patience_with_receiver = std::chrono::minutes(2);

// What the database is as part of the role; none before the first apply, when there is nothing to start yet.
struct DatabaseNow {
  std::optional<replication::DatabaseTools> tools;
  DatabaseState state = DatabaseState::absent;
  bool streams = false;
};

class ServerDuties final : public Duties {
public:
  ServerDuties(Agent& agent, system::Applications& applications) : agent_(agent), applications_(applications) {}

  Result<void> serve(const std::function<bool()>& entitled) override {
    const auto now = snapshot_of(agent_);
    if (!now.pair) return failed("tandem.toml cannot be read, so no site is served", "tandem check");
    const auto still = [&]() -> Result<void> {
      bool yes = false;
      agent_.on_loop([&] { yes = entitled(); });
      return yes ? Result<void>() : fail(ErrorKind::refused, "this server may not serve any more");
    };
    TANDEM_CHECK(still());
    TANDEM_CHECK(files().write(marker_file, now.server + "\n", 0644, {}));
    TANDEM_CHECK(start_database(now, still));
    TANDEM_CHECK(still());
    const auto ran =
        run_sites(agent_, applications_, now, SitesAre::serving); // one that cannot start keeps no other from visitors
    TANDEM_CHECK(start_nginx(agent_));
    TANDEM_CHECK(on_gate(agent_, [&](Gate& gate) -> Result<void> {
      if (!entitled()) return fail(ErrorKind::refused, "this server may not serve any more");
      return gate.open_local(now.server);
    }));
    start_work(now);
    return ran;
  }

  // Applications that find no database do no harm and stay warm. One that is no standby by its files is not asked
  // first: it may be busy, and somebody may be starting it, after which the stop comes.
  Result<void> stop_writing() override {
    TANDEM_TRY(const auto tools, own_tools());
    TANDEM_TRY(const auto configured, files().status(tools.layout.config + "/postgresql.conf"));
    if (!configured) return {};
    TANDEM_TRY(const auto signal, files().status(tools.layout.data + "/standby.signal"));
    if (signal) {
      TANDEM_TRY(const auto standing, replication::database_standing(tools));
      if (standing.state != DatabaseState::primary) return {};
    }
    const auto stopped = agent_.ports().services.stop(tools.layout.unit);
    const auto ended = end_work(); // whatever becomes of PostgreSQL
    return stopped ? ended : stopped;
  }

  // The gate first: what visitors ask of this server is passed on to the primary while the rest comes up.
  Result<void> follow(const std::string& primary) override {
    TANDEM_CHECK(files().remove(marker_file));
    TANDEM_CHECK(on_gate(agent_, [&](Gate& gate) { return gate.open_to_peer(primary); }));
    TANDEM_CHECK(start_nginx(agent_));
    const auto now = snapshot_of(agent_);
    if (!now.pair) return failed("tandem.toml cannot be read, so nothing follows", "tandem check");
    if (const auto ended = end_work(); !ended) agent_.log(describe(ended.error())); // nothing that the rest waits for
    TANDEM_TRY(const auto database, database_now());
    if (!database.tools) return {};
    TANDEM_CHECK(follow_database(agent_, *now.pair, now.server, primary));
    return run_sites(agent_, applications_, now, standby_sites(*now.pair));
  }

  Result<role::ServerNow> now(const std::string& primary) override {
    TANDEM_TRY(const auto database, database_now());
    TANDEM_TRY(const auto marker, files().status(marker_file));
    GateState gate;
    agent_.on_loop([&] { gate = agent_.gate().state(); });
    const auto snapshot = snapshot_of(agent_);
    const auto opens = [&](const std::string& server) {
      return gate.mode == GateState::Mode::open && gate.target == server;
    };
    using Now = role::ServerNow;
    const bool absent = !database.tools;
    if (database.state == DatabaseState::primary || (absent && marker))
      return marker && opens(snapshot.server) ? Now::primary : Now::opening;
    if (database.state == DatabaseState::standby || absent) {
      TANDEM_TRY(const bool right, absent ? Result<bool>(true) : follows(database, snapshot, primary));
      return right && !marker && opens(primary) ? Now::standby : Now::adrift;
    }
    return Now::stopped;
  }

private:
  system::Files& files() { return agent_.ports().files; }

  system::Services& services() { return agent_.ports().services; }

  // Work that cannot begin keeps nobody from being served; its keeper tries again, and tells of it.
  void start_work(const Snapshot& now) {
    for (const auto& site : now.pair->sites)
      if (const auto begun = sites::start_work(work_tools(agent_, services()), site); !begun)
        agent_.log(describe(begun.error()));
  }

  // What this server began as the primary: it has no database to write to any more.
  Result<void> end_work() {
    TANDEM_CHECK(sites::hold_work(services()));
    return sites::end_work(services());
  }

  Result<replication::DatabaseTools> own_tools() {
    return database_tools(agent_, snapshot_of(agent_).server, [this] { return agent_.ending(); });
  }

  Result<DatabaseNow> database_now() {
    TANDEM_TRY(auto tools, own_tools());
    TANDEM_TRY(const auto configured, files().status(tools.layout.config + "/postgresql.conf"));
    if (!configured) return DatabaseNow{};
    TANDEM_TRY(const auto standing, replication::database_standing(tools));
    return DatabaseNow{.tools = std::move(tools), .state = standing.state, .streams = standing.receiver == "streaming"};
  }

  Result<bool> follows(const DatabaseNow& database, const Snapshot& snapshot, const std::string& primary) {
    if (!snapshot.pair || primary.empty() || primary == snapshot.server) return false;
    TANDEM_TRY(const auto upstream, upstream_of(*snapshot.pair, primary));
    const auto text = files().read(system::upstream_path(database.tools->layout));
    if (!text || *text != system::upstream_text(snapshot.server, upstream.address)) return false;
    if (!replication::check_whole(*database.tools)) return false; // somebody started it
    return !deaf_for_long(database, snapshot, primary);
  }

  // It is pointed at its primary and receives nothing, although the primary can be reached: its WAL may be gone there,
  // or have parted from its own.
  bool deaf_for_long(const DatabaseNow& database, const Snapshot& snapshot, const std::string& primary) {
    const bool reachable =
        std::ranges::any_of(snapshot.peers, [&](const auto& peer) { return peer.name == primary && peer.connected; });
    // One look may meet a receiver that only tries (see wait_streaming).
    const bool hears = std::exchange(heard_, database.streams) && database.streams;
    if (hears || !reachable || deaf_to_ != primary) deaf_since_.reset();
    deaf_to_ = primary;
    const auto now = agent_.ports().clock.boot_time();
    if (hears || !reachable) return false;
    if (!deaf_since_) deaf_since_ = now;
    return now - *deaf_since_ >= patience_with_receiver;
  }

  // `still`: whether this server may serve; it may have waited for the lock for long.
  Result<void> start_database(const Snapshot& now, const std::function<Result<void>()>& still) {
    const auto work = agent_.urgent_database_work();
    TANDEM_CHECK(still());
    TANDEM_TRY(const auto database, database_now());
    if (!database.tools || database.state == DatabaseState::absent) return {};
    auto services = agent_.services_while(still);
    const auto& all = *database.tools;
    const replication::DatabaseTools tools{all.files, all.processes, services, all.databases,
                                           all.clock, all.layout,    all.self, all.pause};
    const auto tell = [this](const std::string& line) { agent_.log(line); };
    TANDEM_CHECK(replication::check_whole(tools)); // before it is started
    TANDEM_TRY(const auto signal, files().status(tools.layout.data + "/standby.signal"));
    if (!signal) return replication::start_primary(tools, tell);
    if (database.state != DatabaseState::standby) TANDEM_CHECK(services.start(tools.layout.unit));
    return promote_while(agent_, tools, others_in(*now.pair, now.server), still, promote_limit);
  }

  Agent& agent_;
  system::Applications& applications_;
  // One look at a time.
  std::optional<std::chrono::nanoseconds> deaf_since_;
  std::string deaf_to_;
  bool heard_ = false;
};

} // namespace

std::unique_ptr<Duties> make_duties(Agent& agent, system::Applications& applications) {
  return std::make_unique<ServerDuties>(agent, applications);
}

Result<void> turn_visitors_away(Agent& agent) {
  auto closed = agent.gate().close();
  TANDEM_CHECK(agent.ports().files.remove(marker_file));
  return closed;
}

Result<void> on_gate(Agent& agent, const std::function<Result<void>(Gate&)>& work) {
  Result<void> result;
  agent.on_loop([&] { result = work(agent.gate()); });
  return result;
}

Snapshot snapshot_of(Agent& agent) {
  Snapshot now;
  agent.on_loop([&] { now = agent.state(); });
  return now;
}

std::vector<std::string> others_in(const model::Pair& pair, const std::string& self) {
  std::vector<std::string> others;
  for (const auto& server : pair.servers)
    if (server.name != self) others.push_back(server.name);
  return others;
}

Result<void> promote_while(Agent& agent, const replication::DatabaseTools& tools,
                           const std::vector<std::string>& others, const std::function<Result<void>()>& still,
                           std::chrono::milliseconds limit) {
  const auto tell = [&agent](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
  TANDEM_CHECK(still());
  auto promoted = replication::promote(tools, others, limit, tell);
  auto allowed = still();
  if (allowed) return promoted;
  TANDEM_CHECK(agent.ports().services.stop(tools.layout.unit));
  return allowed;
}

Result<void> start_nginx(Agent& agent) {
  constexpr auto* unit = "nginx.service";
  auto& services = agent.ports().services;
  TANDEM_TRY(const auto status, services.status(unit));
  if (status.load != "loaded" || status.active == "active") return {}; // not loaded: before the first apply
  return services.start(unit);
}

sites::WorkTools work_tools(Agent& agent, system::Services& services) {
  return {.files = agent.ports().files,
          .processes = agent.ports().processes,
          .services = services,
          .layout = {.state = agent.settings().state_folder}};
}

Result<bool> old_nginx_workers(system::Files& files) {
  TANDEM_TRY(const auto names, files.list("/proc"));
  for (const auto& name : names) {
    if (!to_number(name)) continue;
    const auto title = files.read("/proc/" + name + "/cmdline"); // one that has just ended has none
    if (title && title->starts_with("nginx: worker process is shutting down")) return true;
  }
  return false;
}

SitesAre standby_sites(const model::Pair& pair) {
  return pair.role.standby == model::StandbyMode::warm ? SitesAre::warm : SitesAre::resting;
}

Result<void> run_sites(Agent& agent, system::Applications& applications, const Snapshot& now, SitesAre sites) {
  TANDEM_TRY(const auto database, database_tools(agent, now.server, {}));
  sites::Serving serving({.ports = agent.ports(),
                          .applications = applications,
                          .layout = {.state = agent.settings().state_folder},
                          .database_unit = database.layout.unit});
  const auto tell = [&agent](const std::string& line) { agent.log(line); };
  std::optional<Error> problem;
  for (const auto& site : now.pair->sites) {
    const auto runs = sites == SitesAre::serving ? serving.serve_current(site, tell)
                      : sites == SitesAre::warm  ? serving.keep_warm(site, tell)
                                                 : serving.rest(site);
    if (!runs && !problem) problem = Error(runs.error()).within(site.domain);
  }
  return problem ? Result<void>(std::unexpected(*problem)) : Result<void>();
}

} // namespace tandem::agent
