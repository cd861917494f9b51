#include "agent/switchover_steps.hpp"

#include "agent/calm_moment.hpp"
#include "replication/database/running.hpp"
#include "role/switchover.hpp"
#include "sites/builder.hpp"
#include "sites/serving.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds health_patience{3};
constexpr std::chrono::seconds calm_patience{60};

using role::Call;
using role::Phase;
using std::chrono::milliseconds;

// A step that waits ends by itself a little before its limit, with a better message than the limit's own.
milliseconds waiting_time(const Call& call) {
  return std::max(milliseconds(1), call.limit - std::min(call.limit / 10, milliseconds(500)));
}

// One phase of one step. Made anew for each, so that it holds nothing between two.
class StepWork {
public:
  struct Parts {
    Agent& agent;
    system::Applications& applications;
    FilesLedger& files;
    StepMemory& memory;
    DutyKeeper& keeper;
  };

  StepWork(Parts parts, const Call& call, const std::function<bool()>& ended)
      : agent_(parts.agent), applications_(parts.applications), files_(parts.files), memory_(parts.memory),
        keeper_(parts.keeper), call_(call), ended_(ended), now_(snapshot_of(agent_)) {}

  Result<void> run() {
    if (!now_.pair) return failed("tandem.toml cannot be read on " + now_.server, "tandem check");
    const auto found = table().find(call_.step);
    if (found == table().end()) return fail(ErrorKind::refused, "the step \"" + call_.step + "\" is not known here");
    const auto& phases = found->second;
    const auto work = call_.phase == Phase::precondition ? phases.before
                      : call_.phase == Phase::action     ? phases.action
                      : call_.phase == Phase::check      ? phases.check
                                                         : phases.undo;
    return work == nullptr ? Result<void>() : (this->*work)();
  }

private:
  using Work = Result<void> (StepWork::*)();

  struct Phases {
    Work before = nullptr;
    Work action = nullptr;
    Work check = nullptr;
    Work undo = nullptr;
  };

  static const std::map<std::string, Phases>& table() {
    using S = StepWork;
    static const std::map<std::string, Phases> steps{
        {"preflight", {.action = &S::preflight}},
        {"warm", {.action = &S::warm, .check = &S::wake_sites}},
        {"flush-files", {.action = &S::send_files}},
        {"checkpoint", {.action = &S::checkpoint}},
        {"calm", {.action = &S::close_in_calm, .undo = &S::serve_again}},
        {"close-gate", {.action = &S::close_gate, .check = &S::gate_is_closed, .undo = &S::serve_again}},
        {"drain", {.action = &S::drain}},
        {"close-sockets", {.action = &S::close_sockets, .undo = &S::sites_again}},
        {"stop-database", {.before = &S::standby_streams, .action = &S::stop_database, .undo = &S::start_database}},
        {"last-files", {.action = &S::send_last_files}},
        {"confirm-wal", {.action = &S::confirm_wal}},
        {"grant", {.action = &S::grant, .undo = &S::mark}},
        {"take", {.action = &S::mark}},
        {"promote", {.action = &S::promote, .check = &S::takes_writes}},
        {"on-promote", {.action = &S::on_promote}},
        {"health", {.action = &S::wait_for_health}},
        {"open-gate", {.action = &S::serve_visitors}},
        {"forward-gate", {.action = &S::forward_gate, .check = &S::nobody_waits}},
        {"follow", {.action = &S::follow}},
        {"turn-files", {.action = &S::send_files}},
    };
    return steps;
  }

  const std::string& other() const { return now_.server == call_.opening.from ? call_.opening.to : call_.opening.from; }

  void tell(const std::string& line) const {
    agent_.loop().post([&agent = agent_, line] { agent.log(line); });
  }

  [[nodiscard]] replication::Progress progress() const {
    return [&agent = agent_](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
  }

  Result<replication::DatabaseTools> tools() { return database_tools(agent_, now_.server, ended_); }

  sites::Serving serving() {
    return sites::Serving(
        {.ports = agent_.ports(), .applications = applications_, .layout = {.state = agent_.settings().state_folder}});
  }

  Result<void> for_sites(const std::function<Result<void>(const model::Site&)>& work) {
    for (const auto& site : now_.pair->sites)
      TANDEM_CHECK(work(site));
    return {};
  }

  // ---- before visitors wait

  Result<void> preflight() {
    const auto peer = std::ranges::find(now_.peers, other(), &peer::PeerState::name);
    if (peer == now_.peers.end() || !peer->connected)
      return fail(ErrorKind::unavailable, other() + " does not answer", "tandem status");
    bool session = false;
    agent_.on_loop([&] { session = keeper_.role().role().session.peers.contains(other()); });
    if (!session) return fail(ErrorKind::unavailable, other() + " has not told its role yet", "Try again in a moment");
    if (peer->hello.agent != now_.version)
      return fail(ErrorKind::refused,
                  fmt::format("{} runs tandem {}, and {} {}", now_.server, now_.version, other(), peer->hello.agent),
                  "Install the same version on both");
    TANDEM_CHECK(standby_streams());
    return no_long_transactions();
  }

  // The stop of the database would cut them.
  Result<void> no_long_transactions() {
    if (call_.opening.parameters.contains("cut_requests")) return {};
    const auto limit = now_.pair->role.drain.count();
    TANDEM_TRY(const auto rows,
               agent_.ports().databases.query(
                   "postgres",
                   "select pid, extract(epoch from now() - xact_start)::int, left(query, 80) from pg_stat_activity "
                   "where backend_type = 'client backend' and xact_start < now() - make_interval(secs => $1::int) "
                   "and pid <> pg_backend_pid() order by xact_start",
                   {std::to_string(limit)}));
    if (rows.empty()) return {};
    const auto& row = rows.front();
    return fail(ErrorKind::refused,
                fmt::format("a transaction has been open for {} s on {} (process {}: {})", row[1].value_or("?"),
                            now_.server, row[0].value_or("?"), row[2].value_or("")),
                "Wait until it has ended, or give it up with --cut-requests");
  }

  Result<void> warm() {
    TANDEM_CHECK(start_nginx(agent_));
    return restart_sites(false);
  }

  Result<void> of_each_site(Result<void> (sites::Serving::*question)(const model::Site&)) {
    auto sites = serving();
    return for_sites([&](const model::Site& site) -> Result<void> {
      auto well = (sites.*question)(site);
      if (!well) return std::unexpected(std::move(well).error().within(site.domain + " on " + now_.server));
      return well;
    });
  }

  Result<void> wake_sites() { return of_each_site(&sites::Serving::wake); }

  Result<void> send_files() {
    const auto peer = std::ranges::find(now_.peers, other(), &peer::PeerState::name);
    if (peer == now_.peers.end() || !peer->connected) return fail(ErrorKind::unavailable, other() + " does not answer");
    const auto held = files_.wait();
    TANDEM_CHECK(reconcile_server(agent_, *now_.pair, other(), false, files_, progress()));
    return {};
  }

  [[nodiscard]] LastFiles::Job last_files() const {
    return last_files_to(other(), agent_, now_.pair, files_, progress());
  }

  Result<void> send_last_files() { return memory_.last_files.finish(last_files()); }

  Result<void> checkpoint() {
    TANDEM_TRY(const auto database, tools());
    return replication::checkpoint(database);
  }

  // ---- while visitors wait

  Result<void> close_gate() {
    return on_gate(agent_, [this](Gate& gate) -> Result<void> {
      // Looked at where nothing comes between: once a step is over, its server may serve again.
      if (ended_()) return fail(ErrorKind::unavailable, "the step was given up");
      return gate.close();
    });
  }

  Result<void> gate_is_closed() {
    TANDEM_TRY(const auto file, agent_.ports().files.status(agent_.settings().run_folder + "/serving"));
    return file ? failed("nginx would still let requests through") : Result<void>();
  }

  // Everything that a primary needs, since a reboot may lie between.
  Result<void> serve_again() {
    LastFiles::go(last_files()); // what was made ready is of use all the same
    return keeper_.serve();
  }

  [[nodiscard]] milliseconds left_until(std::chrono::nanoseconds until) const {
    const auto left = std::chrono::duration_cast<milliseconds>(until - agent_.ports().clock.boot_time());
    return std::max(milliseconds(0), left);
  }

  // The domain of a site that still has requests; empty: none.
  Result<std::string> busy_site(std::chrono::nanoseconds until) {
    auto sites = serving();
    for (const auto& site : now_.pair->sites) {
      TANDEM_TRY(const bool idle, sites.wait_idle(site, left_until(until)));
      if (!idle) return site.domain;
    }
    return std::string();
  }

  Result<void> close_in_calm() {
    const auto job = last_files();
    memory_.last_files.make_ready(job);
    const auto until = agent_.ports().clock.boot_time() + calm_patience;
    TANDEM_CHECK(
        memory_.last_files.wait_ready(job, [this, until] { return ended_() || left_until(until) == milliseconds(0); }));
    return agent::close_in_calm({
        .settle = [this](milliseconds limit) { return settle_files(agent_, other(), limit); },
        .is_calm =
            [this](milliseconds patience) { return serving().wait_calm(now_.pair->sites, slow_request, patience); },
        .drained = [this](milliseconds patience) -> Result<bool> {
          TANDEM_TRY(const auto busy, busy_site(agent_.ports().clock.boot_time() + patience));
          return busy.empty();
        },
        .close_gate = [this] { return close_gate(); },
        .open_gate = [this] { return open_gate(); },
        .left = [this, until] { return left_until(until); },
        .ended = ended_,
    });
  }

  Result<void> drain() {
    TANDEM_TRY(const auto busy, busy_site(agent_.ports().clock.boot_time() + waiting_time(call_)));
    if (busy.empty() || call_.opening.parameters.contains("cut_requests")) return {};
    return fail(ErrorKind::refused,
                fmt::format("{} still has requests in flight after {:.1f} s", busy,
                            std::chrono::duration<double>(waiting_time(call_)).count()),
                "Try again when they have ended, or cut them with --cut-requests");
  }

  // nginx finds the applications no more, then those requests that got through meanwhile end.
  Result<void> close_sockets() {
    auto sites = serving();
    TANDEM_CHECK(for_sites([&](const model::Site& site) { return sites.hide(site); }));
    TANDEM_TRY(const auto busy, busy_site(agent_.ports().clock.boot_time() + waiting_time(call_)));
    if (busy.empty() || call_.opening.parameters.contains("cut_requests")) return {};
    return fail(ErrorKind::refused, busy + " still has requests in flight", "Try again when they have ended");
  }

  // Fresh processes: none of them holds a connection to a database that has been stopped since.
  Result<void> restart_sites(bool visitors) {
    auto sites = serving();
    TANDEM_CHECK(for_sites([&](const model::Site& site) { return sites.stop(site); }));
    return run_sites(agent_, applications_, now_, visitors);
  }

  Result<void> sites_again() { return restart_sites(true); }

  Result<void> standby_streams() {
    TANDEM_TRY(const auto database, tools());
    TANDEM_TRY(const auto standing, replication::database_standing(database));
    if (standing.state != replication::DatabaseState::primary)
      return fail(ErrorKind::refused, fmt::format("PostgreSQL on {} is not a primary that runs, but {}", now_.server,
                                                  replication::name_of(standing.state)));
    const auto link = std::ranges::find(standing.standbys, other(), &replication::StandbyLink::server);
    if (link == standing.standbys.end() || link->state != "streaming")
      return fail(ErrorKind::refused, fmt::format("the database on {} does not stream from {}", other(), now_.server),
                  "tandem status");
    constexpr std::uint64_t soon = 16U << 20U; // one WAL segment: sent within a moment
    if (link->lag_bytes.value_or(0) > soon)
      return fail(ErrorKind::refused,
                  fmt::format("the database on {} is {} MB behind", other(), *link->lag_bytes >> 20U),
                  "Wait until it has caught up: tandem status shows the lag");
    return {};
  }

  // The last files go meanwhile: nothing writes any more, and visitors wait.
  Result<void> stop_database() {
    LastFiles::go(last_files());
    TANDEM_TRY(const auto database, tools());
    TANDEM_TRY(const auto control, replication::stop_in_order(database, progress()));
    memory_.stopped_at = control.checkpoint;
    return {};
  }

  Result<void> start_database() {
    const std::lock_guard work(agent_.database_work());
    memory_.stopped_at = 0;
    TANDEM_TRY(const auto database, tools());
    return replication::start_primary(database, progress());
  }

  Result<void> confirm_wal() {
    TANDEM_TRY(const auto answer, ask_server(agent_, other(), "database.end", Json::object()));
    TANDEM_TRY(const auto text, peer::text_member(answer, "checkpoint"));
    const auto checkpoint = replication::parse_wal(text);
    if (!checkpoint) return failed("the end of the WAL on " + other() + " is no position: " + text);
    TANDEM_TRY(const auto database, tools());
    TANDEM_CHECK(replication::wait_replayed_past(database, *checkpoint, waiting_time(call_)));
    return {};
  }

  // ---- the grant and what follows

  Result<void> grant() {
    TANDEM_CHECK(agent_.ports().files.remove(marker_file));
    Result<void> decided;
    agent_.on_loop([&] {
      auto& role = keeper_.role();
      if (role::next_epoch(role.role().kept) != call_.opening.epoch) {
        decided = fail(ErrorKind::refused, "the epoch is not the next one any more");
        return;
      }
      role::Event event{.kind = role::EventKind::grant_decided, .server = call_.opening.to};
      event.note.reason = call_.opening.reason;
      event.note.wal = replication::to_wal_text(memory_.stopped_at);
      const auto outcome = role.take(event);
      if (outcome.refused) decided = fail(ErrorKind::refused, outcome.sentence);
    });
    return decided;
  }

  Result<void> mark() { return agent_.ports().files.write(marker_file, now_.server + "\n", 0644, {}); }

  Result<void> promote() {
    const std::lock_guard work(agent_.database_work());
    TANDEM_TRY(const auto database, tools());
    TANDEM_TRY(const auto standing, replication::database_standing(database));
    if (standing.state == replication::DatabaseState::stopped)
      TANDEM_CHECK(agent_.ports().services.start(database.layout.unit));
    return replication::promote(database, others_in(*now_.pair, now_.server), waiting_time(call_), progress());
  }

  Result<void> takes_writes() {
    TANDEM_TRY(const auto rows,
               agent_.ports().databases.query("postgres", "select pg_is_in_recovery() or "
                                                          "current_setting('transaction_read_only')::bool"));
    const bool writes = rows.size() == 1 && rows[0].size() == 1 && rows[0][0] == "f";
    return writes ? Result<void>() : failed("PostgreSQL on " + now_.server + " takes no writes yet");
  }

  // A site whose own steps fail must not keep visitors from all the others; it is told, and the switchover goes on.
  Result<void> on_promote() {
    const sites::Tools work{
        .ports = agent_.ports(), .applications = applications_, .layout = {.state = agent_.settings().state_folder}};
    sites::Shelf shelf(work);
    return for_sites([&](const model::Site& site) -> Result<void> {
      if (site.on_promote.empty()) return {};
      TANDEM_TRY(const auto current, shelf.current(site.domain));
      if (!current) return {};
      TANDEM_TRY(const auto release, shelf.find(site.domain, *current));
      const auto ran = sites::Builder(work).run(site, release, site.on_promote, progress());
      if (!ran) tell(site.domain + ": its on_promote steps: " + describe(ran.error()));
      return {};
    });
  }

  // The same for one that is not well: the others are not kept waiting for it for long.
  Result<void> wait_for_health() {
    const auto until = agent_.ports().clock.boot_time() + health_patience;
    for (;;) {
      const auto well = of_each_site(&sites::Serving::check_health);
      if (well) return {};
      tell("after the change of primary: " + describe(well.error()));
      if (agent_.ports().clock.boot_time() >= until || ended_()) return {};
      system::pause_thread(milliseconds(100));
    }
  }

  Result<void> serve_visitors() {
    TANDEM_CHECK(run_sites(agent_, applications_, now_, true));
    return open_gate();
  }

  Result<void> open_gate() {
    return on_gate(agent_, [&](Gate& gate) -> Result<void> {
      if (!keeper_.role().role().session.serving)
        return fail(ErrorKind::refused, now_.server + " may not serve any more");
      return gate.open_local(now_.server);
    });
  }

  Result<void> forward_gate() {
    return on_gate(agent_, [&](Gate& gate) { return gate.open_to_peer(other()); });
  }

  // What waited has gone on; a gate that is slow about it keeps nothing from happening.
  Result<void> nobody_waits() {
    const auto until = agent_.ports().clock.boot_time() + waiting_time(call_);
    for (;;) {
      std::size_t held = 0;
      agent_.on_loop([&] { held = agent_.gate().figures().held; });
      if (held == 0 || agent_.ports().clock.boot_time() >= until || ended_()) return {};
      system::pause_thread(milliseconds(10));
    }
  }

  // Visitors who waited are answered first: what comes now is work for this server, and they pass through it.
  Result<void> follow() {
    if (const auto calm = ask_server(agent_, other(), "sites.calm", Json::object()); !calm)
      tell("asking whether visitors have been answered: " + describe(calm.error()));
    TANDEM_CHECK(keeper_.follow(other()));
    return restart_sites(false);
  }

  Agent& agent_;
  system::Applications& applications_;
  FilesLedger& files_;
  StepMemory& memory_;
  DutyKeeper& keeper_;
  const Call& call_;
  const std::function<bool()>& ended_;
  Snapshot now_;
};

} // namespace

PerformStep switchover_steps(Agent& agent, system::Applications& applications, std::shared_ptr<FilesLedger> files,
                             std::shared_ptr<StepMemory> memory, std::function<DutyKeeper&()> keeper) {
  return [&agent, &applications, files = std::move(files), memory = std::move(memory),
          keeper = std::move(keeper)](const Call& call, const std::function<bool()>& ended) {
    // One that has outlived its limit has been given up by the runbook, and must not go on to change anything.
    const auto until = agent.ports().clock.boot_time() + call.limit;
    const std::function<bool()> over = [&] { return ended() || agent.ports().clock.boot_time() >= until; };
    return StepWork({agent, applications, *files, *memory, keeper()}, call, over).run();
  };
}

} // namespace tandem::agent
