#include "replication/database/running.hpp"

#include "base/text.hpp"
#include "replication/database/rewind.hpp"
#include "replication/database/waiting.hpp"

namespace tandem::replication {

namespace {

constexpr auto often = std::chrono::milliseconds(5);
constexpr auto checkpoint_limit = std::chrono::minutes(30);
constexpr auto at_leisure = std::chrono::milliseconds(50);

std::string signal_path(const DatabaseTools& tools) {
  return tools.layout.data + "/standby.signal";
}

// PostgreSQL's files belong to the owner of its data directory.
Result<system::Ownership> owner_of(const DatabaseTools& tools, const std::string& folder) {
  TANDEM_TRY(const auto status, tools.files.status(folder));
  if (!status) return fail(ErrorKind::not_found, "there is no " + folder);
  return system::Ownership{status->uid, status->gid};
}

// Whether the file changed.
Result<bool> write_upstream(const DatabaseTools& tools, const std::string& text) {
  const auto path = system::upstream_path(tools.layout);
  const auto old = tools.files.read(path);
  if (old && *old == text) return false;
  TANDEM_TRY(const auto owner, owner_of(tools, tools.layout.data));
  TANDEM_CHECK(tools.files.write(path, text, 0644, owner));
  return true;
}

// A server that is to become a standby without a look at the upstream's WAL must not have parted from it.
Result<void> check_undiverged(const DatabaseTools& tools, const Upstream& upstream) {
  TANDEM_TRY(const auto signal, tools.files.status(signal_path(tools)));
  if (signal) return {};
  TANDEM_TRY(const auto control, read_control(tools, tools.layout.data));
  if (control.clean()) return {};
  return fail(ErrorKind::refused,
              fmt::format("PostgreSQL on {} was a primary and was not stopped in order ({}), so {} may not have all "
                          "that it wrote",
                          tools.self, control.state, upstream.name),
              "tandem database copy keeps what it wrote alone aside and copies the database anew.");
}

Result<void> drop_own_slots(const DatabaseTools& tools) {
  TANDEM_CHECK(tools.databases.query("postgres", "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                                                 "where slot_name like 'tandem\\_%' and not active"));
  return {};
}

std::string last_words(const DatabaseTools& tools) {
  const auto journal = tools.processes.run(
      {.arguments = {"journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=5", "--unit=" + tools.layout.unit},
       .time_limit = std::chrono::seconds(10)});
  if (!journal || !journal->ok() || trim(journal->output).empty()) return {};
  return "; PostgreSQL's last words:\n    " + join(lines_of(journal->output), "\n    ");
}

Result<bool> recovering(const DatabaseTools& tools) {
  TANDEM_TRY(const auto rows, tools.databases.query("postgres", "select pg_is_in_recovery()"));
  if (rows.size() != 1 || rows[0].size() != 1) return failed("PostgreSQL does not tell whether it is a standby");
  return rows[0][0] == "t";
}

Result<WalPosition> ask_wal(const DatabaseTools& tools, const std::string& query) {
  TANDEM_TRY(const auto rows, tools.databases.query("postgres", query));
  if (rows.size() != 1 || rows[0].size() != 1) return failed("PostgreSQL does not tell its WAL position");
  const auto position = parse_wal(rows[0][0].value_or("0/0"));
  if (!position) return failed("PostgreSQL's WAL position is none: " + *rows[0][0]);
  return *position;
}

} // namespace

Result<void> start_standby(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress) {
  TANDEM_TRY(const auto standing, database_standing(tools));
  if (standing.state == DatabaseState::absent)
    return fail(ErrorKind::not_found, "there is no data directory " + tools.layout.data,
                "A first copy makes it: tandem database copy");
  if (standing.state == DatabaseState::primary)
    return fail(ErrorKind::refused, "PostgreSQL on " + tools.self + " runs as a primary",
                "It has to be stopped first.");
  if (standing.state == DatabaseState::stopped) TANDEM_CHECK(check_undiverged(tools, upstream));
  TANDEM_TRY(const bool changed, write_upstream(tools, system::upstream_text(tools.self, upstream.address)));
  if (standing.state == DatabaseState::standby) {
    if (changed) progress("PostgreSQL follows " + upstream.name + " from now on");
    if (changed) TANDEM_CHECK(tools.services.reload(tools.layout.unit));
    return drop_own_slots(tools);
  }
  if (standing.state == DatabaseState::stopped) {
    progress("starting PostgreSQL as a standby of " + upstream.name);
    TANDEM_TRY(const auto owner, owner_of(tools, tools.layout.data));
    TANDEM_CHECK(tools.files.write(signal_path(tools), "", 0600, owner));
  }
  TANDEM_CHECK(tools.services.start(tools.layout.unit));
  TANDEM_TRY(const bool standby, recovering(tools));
  if (!standby) return failed("PostgreSQL on " + tools.self + " came up as a primary although it was to be a standby");
  return drop_own_slots(tools);
}

namespace {

// A receiver calls itself "streaming" as soon as it is connected, and for some round trips also where its primary then
// finds that it has no longer the WAL that was asked for; the next try comes seconds later
// (wal_retrieve_retry_interval). WAL that came is a proof, and so is time.
class Streaming {
public:
  bool believed(const DatabaseStanding& standing, std::chrono::nanoseconds now) {
    if (!since_) {
      since_ = now;
      received_ = standing.received;
    }
    return standing.received > received_ || now - *since_ >= steady;
  }

  void broke_off() { since_.reset(); }

private:
  static constexpr auto steady = std::chrono::seconds(1);

  std::optional<std::chrono::nanoseconds> since_;
  WalPosition received_ = 0; // when it was seen first
};

} // namespace

Result<void> wait_streaming(const DatabaseTools& tools, std::uint32_t timeline, Limit limit) {
  WalPosition replayed = 0;
  Streaming streaming;
  auto end = tools.clock.boot_time() + limit;
  for (;;) {
    TANDEM_TRY(const auto standing, database_standing(tools));
    if (standing.state == DatabaseState::stopped || standing.state == DatabaseState::absent)
      return failed("PostgreSQL on " + tools.self + " does not run" + last_words(tools));
    if (standing.state == DatabaseState::primary)
      return fail(ErrorKind::refused, "PostgreSQL on " + tools.self + " is a primary; it follows nobody");
    const auto now = tools.clock.boot_time();
    const bool streams = standing.receiver == "streaming" && standing.timeline == timeline;
    if (streams && streaming.believed(standing, now)) return {};
    if (!streams) streaming.broke_off();
    if (standing.replayed > replayed) end = now + limit; // it is busy with WAL that it has itself
    replayed = std::max(replayed, standing.replayed);
    if (now >= end) break;
    if (!tools.pause(at_leisure)) return failed("it was ended while it waited for PostgreSQL");
  }
  return fail(ErrorKind::unavailable,
              fmt::format("PostgreSQL on {} does not follow its primary after {:.0f} s{}", tools.self,
                          std::chrono::duration<double>(limit).count(), last_words(tools)));
}

Result<void> follow(const DatabaseTools& tools, const Upstream& upstream, std::uint32_t timeline, Limit limit,
                    const Progress& progress) {
  TANDEM_CHECK(start_standby(tools, upstream, progress));
  return wait_streaming(tools, timeline, limit);
}

Result<void> start_primary(const DatabaseTools& tools, const Progress& progress) {
  TANDEM_CHECK(check_whole(tools));
  TANDEM_TRY(const auto standing, database_standing(tools));
  TANDEM_TRY(const auto signal, tools.files.status(signal_path(tools)));
  if (signal || standing.state == DatabaseState::standby)
    return fail(ErrorKind::refused, "PostgreSQL on " + tools.self + " is a standby; it is not started as a primary");
  if (standing.state == DatabaseState::primary) return {};
  progress("starting PostgreSQL as the primary");
  return tools.services.start(tools.layout.unit);
}

Result<void> promote(const DatabaseTools& tools, const std::vector<std::string>& others, Limit limit,
                     const Progress& progress) {
  TANDEM_CHECK(check_whole(tools));
  TANDEM_TRY(const bool standby, recovering(tools));
  if (standby) {
    progress("promoting PostgreSQL");
    // Without pg_promote's own waiting, which would keep the connection from everybody else.
    TANDEM_CHECK(tools.databases.query("postgres", "select pg_promote(false)"));
    TANDEM_TRY(const bool done, wait_until(tools, limit, often, [&]() -> Result<bool> {
                 TANDEM_TRY(const bool still, recovering(tools));
                 return !still;
               }));
    if (!done)
      return fail(ErrorKind::unavailable, "PostgreSQL on " + tools.self + " is not promoted yet" + last_words(tools));
  }
  TANDEM_CHECK(ensure_slots(tools, others));
  TANDEM_CHECK(write_upstream(tools, system::no_upstream_text()));
  return {};
}

Result<void> ensure_slots(const DatabaseTools& tools, const std::vector<std::string>& servers) {
  for (const auto& server : servers) {
    const auto slot = system::replication_slot(server);
    TANDEM_CHECK(tools.databases.query("postgres",
                                       "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                                       "where slot_name = $1 and not active and wal_status = 'lost'",
                                       {slot}));
    // true: it holds back WAL before its standby has connected for the first time.
    TANDEM_CHECK(tools.databases.query("postgres",
                                       "select pg_create_physical_replication_slot($1, true) where not exists "
                                       "(select 1 from pg_replication_slots where slot_name = $1)",
                                       {slot}));
  }
  return {};
}

Result<void> drop_slot(const DatabaseTools& tools, const std::string& server) {
  constexpr int attempts = 100;
  const auto slot = system::replication_slot(server);
  for (int attempt = 1;; ++attempt) {
    TANDEM_TRY(const auto there, tools.databases.query("postgres",
                                                       "select pg_terminate_backend(active_pid) from "
                                                       "pg_replication_slots where slot_name = $1",
                                                       {slot}));
    if (there.empty()) return {};
    const auto dropped =
        tools.databases.query("postgres",
                              "select pg_drop_replication_slot(slot_name) from pg_replication_slots where "
                              "slot_name = $1 and not active",
                              {slot});
    if (dropped && !dropped->empty()) return {};
    if (attempt == attempts)
      return fail(ErrorKind::unavailable, fmt::format("the slot {} stays in use on {}", slot, tools.self));
    if (!tools.pause(std::chrono::milliseconds(100))) return failed("it was ended while it waited for " + slot);
  }
}

Result<ControlData> stop_in_order(const DatabaseTools& tools, const Progress& progress) {
  TANDEM_TRY(const auto unit, tools.services.status(tools.layout.unit));
  if (unit.active != "inactive" && unit.active != "failed") {
    progress("stopping PostgreSQL");
    TANDEM_CHECK(tools.services.stop(tools.layout.unit));
  }
  TANDEM_TRY(const auto control, read_control(tools, tools.layout.data));
  if (!control.clean())
    return failed(
        fmt::format("PostgreSQL on {} did not stop in order: its state is \"{}\"", tools.self, control.state) +
        last_words(tools));
  return control;
}

Result<WalPosition> stop_clean(const DatabaseTools& tools, const Progress& progress) {
  TANDEM_TRY(const auto control, stop_in_order(tools, progress));
  if (control.state == "shut down in recovery") return control.checkpoint; // a standby's last restart point
  return end_of_wal(tools, control);
}

Result<void> checkpoint(const DatabaseTools& tools) {
  // Over a connection of its own: it may take minutes, and everybody else's questions would wait behind it.
  TANDEM_CHECK(
      run_checked(tools.processes, {.arguments = {tools.layout.binaries + "/psql", "--no-psqlrc", "--quiet",
                                                  "--no-password", "--dbname=postgres", "--command=checkpoint"},
                                    .user = "postgres",
                                    .time_limit = checkpoint_limit}));
  return {};
}

Result<WalPosition> current_wal(const DatabaseTools& tools) {
  return ask_wal(tools, "select pg_current_wal_lsn()");
}

Result<WalPosition> wait_replayed_past(const DatabaseTools& tools, WalPosition position, Limit limit) {
  WalPosition reached = 0;
  TANDEM_TRY(const bool there, wait_until(tools, limit, often, [&]() -> Result<bool> {
               TANDEM_TRY(reached, ask_wal(tools, "select pg_last_wal_replay_lsn()"));
               return reached > position;
             }));
  if (there) return reached;
  return fail(ErrorKind::unavailable, fmt::format("{} has replayed the WAL up to {} only; the record at {} is missing",
                                                  tools.self, to_wal_text(reached), to_wal_text(position)));
}

Result<WalPosition> wait_received(const DatabaseTools& tools, WalPosition position, Limit limit) {
  WalPosition reached = 0;
  TANDEM_TRY(const bool there, wait_until(tools, limit, often, [&]() -> Result<bool> {
               TANDEM_TRY(reached,
                          ask_wal(tools, "select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"));
               return reached >= position;
             }));
  if (there) return reached;
  return fail(ErrorKind::unavailable,
              fmt::format("{} has the WAL up to {} only; {} bytes up to {} are missing", tools.self,
                          to_wal_text(reached), position - reached, to_wal_text(position)));
}

} // namespace tandem::replication
