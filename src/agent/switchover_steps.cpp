#include "agent/switchover_steps.hpp"

#include "agent/calm_moment.hpp"
#include "agent/step_work.hpp"
#include "base/text.hpp"
#include "replication/database/running.hpp"
#include "role/switchover.hpp"
#include "sites/serving.hpp"
#include "sites/work.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds calm_patience{60};
constexpr std::chrono::minutes old_workers_patience{3};
constexpr std::chrono::seconds queue_patience{3};
constexpr std::chrono::seconds work_patience{10}; // until it is cut: workers take that long to take no more tasks

using role::Call;
using std::chrono::milliseconds;

class SwitchoverWork final : public StepWork {
public:
  SwitchoverWork(const StepParts& parts, StepMemory& memory, const Call& call, const std::function<bool()>& ended)
      : StepWork(parts, call, ended), memory_(memory) {}

  Result<void> run() { return run_phase(*this, table()); }

private:
  static const StepTable<SwitchoverWork>& table() {
    using S = SwitchoverWork;
    static const StepTable<SwitchoverWork> steps{
        {"preflight", {.action = &S::preflight}},
        {"warm", {.action = &S::warm, .check = &S::wake_sites}},
        {"flush-files", {.action = &S::send_files}},
        {"end-work", {.action = &S::end_work, .undo = &S::work_again}},
        {"checkpoint", {.action = &S::checkpoint}},
        {"calm", {.action = &S::close_in_calm, .undo = &S::serve_again}},
        {"close-gate", {.action = &S::close_gate, .check = &S::gate_is_closed, .undo = &S::serve_again}},
        {"drain", {.action = &S::drain}},
        {"close-sockets", {.action = &S::close_sockets, .undo = &S::sites_again}},
        {"hand-over-queue", {.action = &S::hand_over_queue, .undo = &S::queue_again}},
        {"stop-database", {.before = &S::standby_streams, .action = &S::stop_database, .undo = &S::start_database}},
        {"last-files", {.action = &S::send_last_files}},
        {"confirm-wal", {.action = &S::confirm_wal}},
        {"grant", {.action = &S::grant, .undo = &S::mark}},
        {"take", {.action = &S::take}},
        {"promote", {.action = &S::promote, .check = &S::takes_writes}},
        {"on-promote", {.action = &S::on_promote}},
        {"health", {.action = &S::wait_for_health}},
        {"open-gate", {.action = &S::serve_visitors}},
        {"forward-gate", {.action = &S::forward_gate, .check = &S::nobody_waits}},
        {"switch-dns", {.action = &S::switch_dns}},
        {"start-work", {.action = &S::start_work}},
        {"follow", {.action = &S::follow}},
        {"turn-files", {.action = &S::send_files}},
    };
    return steps;
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
    // One that has just lost its power is still taken for connected.
    TANDEM_TRY(const auto state,
               ask_server(agent_, other(), "run.state", {{"id", ""}}, {.time_limit = std::chrono::seconds(2)}));
    if (const auto busy = state.value("busy", ""); !busy.empty())
      return fail(ErrorKind::refused, fmt::format("{} is under way on {}", busy, other()),
                  "Wait until it has ended; tandem status shows it");
    TANDEM_CHECK(files_flow());
    TANDEM_CHECK(queue_.check_copy(agent_, other(), queue_patience));
    TANDEM_CHECK(standby_streams());
    TANDEM_CHECK(settings_are_taken());
    return no_long_transactions();
  }

  // What stopped the latest comparison of the files would stop the one that comes now.
  Result<void> files_flow() {
    const auto entries = files_.entries();
    const auto entry = entries.find(other());
    if (entry == entries.end() || !entry->second.refused) return {};
    return fail(ErrorKind::refused, fmt::format("files on {}: {}", other(), entry->second.problem),
                "tandem files reconcile --help says how to go on");
  }

  // With more of those than this server, the new primary would be one that PostgreSQL here refuses to follow.
  Result<void> settings_are_taken() {
    TANDEM_TRY(const auto waiting, ask_server(agent_, other(), "database.waiting", Json::object(),
                                              {.time_limit = std::chrono::seconds(5)}));
    const auto names = waiting.value("settings", std::vector<std::string>());
    if (names.empty()) return {};
    return fail(ErrorKind::refused,
                fmt::format("PostgreSQL on {} has not been restarted since {} changed: {}'s could not follow it",
                            other(), join(names, ", "), now_.server),
                "tandem apply");
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
    return restart_sites(SitesAre::warm); // also where a standby's rest
  }

  Result<void> wake_sites() { return of_each_site(&sites::Serving::wake); }

  Result<void> send_files() {
    const auto peer = std::ranges::find(now_.peers, other(), &peer::PeerState::name);
    if (peer == now_.peers.end() || !peer->connected) return fail(ErrorKind::unavailable, other() + " does not answer");
    const auto held = files_.wait();
    TANDEM_CHECK(reconcile_server(agent_, *now_.pair, other(), {}, files_, progress()));
    return {};
  }

  [[nodiscard]] LastFiles::Job last_files() const {
    return last_files_to(other(), agent_, now_.pair, files_, progress());
  }

  Result<void> send_last_files() { return memory_.last_files.finish(last_files()); }

  Result<void> end_work() {
    auto& services = agent_.ports().services;
    const auto begun = agent_.ports().clock.boot_time();
    TANDEM_CHECK(sites::hold_work(services));
    const auto until = begun + waiting_time();
    bool cuts = call_.opening.parameters.contains("cut_requests");
    for (std::string told;;) {
      TANDEM_TRY(const auto running, sites::running_work(services));
      if (running.empty()) return {};
      if (cuts && agent_.ports().clock.boot_time() >= begun + work_patience) {
        cuts = false;
        TANDEM_CHECK(sites::cut_work(services));
      }
      if (left_until(until) == milliseconds(0) || ended_())
        return fail(ErrorKind::refused, running.front() + " still runs",
                    "Try again when it has ended, or end it with --cut-requests");
      if (told != running.front()) tell("waiting until " + (told = running.front()) + " has ended");
      system::pause_thread(milliseconds(200));
      TANDEM_CHECK(sites::hold_work(services)); // whoever had looked before may have started something since
    }
  }

  Result<void> work_again() { return start_work(); }

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

  // The domain of a site that still has requests; empty: none.
  Result<std::string> busy_site(std::chrono::nanoseconds until) {
    auto sites = serving();
    for (const auto& site : now_.pair->sites) {
      TANDEM_TRY(const bool idle, sites.wait_idle(site, left_until(until)));
      if (!idle) return site.domain;
    }
    return std::string();
  }

  // nginx lets a worker that knows an older configuration answer what it had accepted: a slow upload whose worker has
  // never heard of the other server would find no way to it.
  Result<void> wait_for_old_workers() {
    const auto until = agent_.ports().clock.boot_time() + old_workers_patience;
    for (bool told = false;; told = true) {
      TANDEM_TRY(const bool there, old_nginx_workers(agent_.ports().files));
      if (!there) return {};
      if (ended_()) return fail(ErrorKind::unavailable, "the step was given up");
      if (agent_.ports().clock.boot_time() >= until) break;
      if (!told) tell("waiting for requests that came before nginx's configuration was changed");
      system::pause_thread(milliseconds(200));
    }
    tell("some of them go on for long; the switchover does as well");
    return {};
  }

  Result<void> close_in_calm() {
    TANDEM_CHECK(wait_for_old_workers());
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
    TANDEM_TRY(const auto busy, busy_site(agent_.ports().clock.boot_time() + waiting_time()));
    if (busy.empty() || call_.opening.parameters.contains("cut_requests")) return {};
    return fail(ErrorKind::refused,
                fmt::format("{} still has requests in flight after {:.1f} s", busy,
                            std::chrono::duration<double>(waiting_time()).count()),
                "Try again when they have ended, or cut them with --cut-requests");
  }

  // nginx finds the applications no more, then those requests that got through meanwhile end.
  Result<void> close_sockets() {
    auto sites = serving();
    TANDEM_CHECK(for_sites([&](const model::Site& site) { return sites.hide(site); }));
    TANDEM_TRY(const auto busy, busy_site(agent_.ports().clock.boot_time() + waiting_time()));
    if (busy.empty() || call_.opening.parameters.contains("cut_requests")) return {};
    return fail(ErrorKind::refused, busy + " still has requests in flight", "Try again when they have ended");
  }

  // Fresh processes: none of them holds a connection to a database that has been stopped since.
  Result<void> restart_sites(SitesAre are) {
    auto sites = serving();
    TANDEM_CHECK(for_sites([&](const model::Site& site) { return sites.stop(site); }));
    return run_sites(agent_, applications_, now_, are);
  }

  Result<void> sites_again() {
    if (const auto again = restart_sites(SitesAre::serving); !again)
      tell(describe(again.error())); // the duty tries again
    return {};
  }

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

  Result<void> hand_over_queue() {
    return queue_.hand_over(agent_, other(), waiting_time() - std::chrono::seconds(1), ended_);
  }

  Result<void> queue_again() {
    promote_queue();
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
    const auto work = agent_.urgent_database_work();
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
    TANDEM_CHECK(replication::wait_replayed_past(database, *checkpoint, waiting_time()));
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

  Result<void> forward_gate() {
    return on_gate(agent_, [&](Gate& gate) { return gate.open_to_peer(other()); });
  }

  // What waited has gone on; a gate that is slow about it keeps nothing from happening.
  Result<void> nobody_waits() {
    const auto until = agent_.ports().clock.boot_time() + waiting_time();
    for (;;) {
      std::size_t held = 0;
      agent_.on_loop([&] { held = agent_.gate().figures().held; });
      if (held == 0 || agent_.ports().clock.boot_time() >= until || ended_()) return {};
      system::pause_thread(milliseconds(10));
    }
  }

  // Visitors who waited are answered first: what comes now is work for this server, and they pass through it. To follow
  // starts the applications anew, whose connections ended with the primary's PostgreSQL. The queue first: until it
  // follows, a pause holds up whoever writes to it.
  Result<void> follow() {
    if (const auto calm = ask_server(agent_, other(), "sites.calm", Json::object()); !calm)
      tell("asking whether visitors have been answered: " + describe(calm.error()));
    if (const auto follows = queue_.follow(agent_); !follows)
      tell("the queue does not follow yet: " + describe(follows.error())); // the keeper tries again
    return keeper_.follow(other());
  }

  StepMemory& memory_;
};

} // namespace

PerformStep switchover_steps(Agent& agent, system::Applications& applications, std::shared_ptr<FilesLedger> files,
                             std::shared_ptr<QueueKeeper> queue, std::shared_ptr<NameKeeper> names,
                             std::shared_ptr<StepMemory> memory, std::function<DutyKeeper&()> keeper) {
  return
      [&agent, &applications, files = std::move(files), queue = std::move(queue), names = std::move(names),
       memory = std::move(memory), keeper = std::move(keeper)](const Call& call, const std::function<bool()>& ended) {
        return SwitchoverWork({agent, applications, *files, keeper(), *queue, *names}, *memory, call, ended).run();
      };
}

} // namespace tandem::agent
