#include "replication/database/standing.hpp"

#include "base/text.hpp"

#include <charconv>

namespace tandem::replication {

namespace {

using system::Row;

// The timeline of the latest checkpoint is the old one for a while after a promotion, so the names of the WAL's files
// and the receiver tell it where they can.
constexpr auto* standing_query = R"(
select r.recovering,
       (select system_identifier from pg_control_system()),
       case when r.recovering then coalesce(w.received_tli, (select greatest(c.timeline_id, m.min_recovery_end_timeline)
                                                              from pg_control_checkpoint() c, pg_control_recovery() m))
            else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
       case when r.recovering then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_lsn() end,
       case when r.recovering then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
       case when r.recovering then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
       coalesce(w.status, ''),
       case when not r.recovering then null
            when w.status = 'streaming' and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
            else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end
from (select pg_is_in_recovery() as recovering) r left join pg_stat_wal_receiver w on true)";

// A standby that has everything reports its last lag until the next write: 0 is the truth then.
constexpr auto* standbys_query = R"(
select application_name, state, sync_state, sent_lsn, write_lsn, flush_lsn, replay_lsn,
       case when replay_lsn is not null then greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint end,
       case when replay_lsn >= pg_current_wal_lsn() then 0 else extract(epoch from replay_lag) end
from pg_stat_replication where state <> 'backup' order by application_name)";

constexpr auto* slots_query = R"(
select slot_name, active, coalesce(wal_status, ''),
       greatest(coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0), 0)::bigint
from pg_replication_slots where slot_type = 'physical' order by slot_name)";

// Columns of one row, by number; the first that is not what it should be makes an error.
class Columns {
public:
  Columns(const Row& row, std::string view) : row_(row), view_(std::move(view)) {}

  std::string text(std::size_t column) { return cell(column).value_or(""); }

  bool truth(std::size_t column) { return text(column) == "t"; }

  // NULL is 0, where nothing was sent or written yet.
  WalPosition wal(std::size_t column) {
    const auto value = cell(column);
    if (!value) return 0;
    const auto position = parse_wal(*value);
    if (!position) complain(column, *value);
    return position.value_or(0);
  }

  std::uint64_t number(std::size_t column) {
    const auto value = text(column);
    const auto number = to_number(value);
    if (!number || *number < 0) complain(column, value);
    return static_cast<std::uint64_t>(number.value_or(0));
  }

  std::optional<double> seconds(std::size_t column) {
    const auto value = cell(column);
    if (!value) return std::nullopt;
    double seconds = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
    if (error != std::errc() || end != value->data() + value->size()) complain(column, *value);
    return std::max(seconds, 0.0); // clocks may differ a little
  }

  [[nodiscard]] Result<void> check() const { return problem_.empty() ? Result<void>{} : failed(problem_); }

private:
  std::optional<std::string> cell(std::size_t column) {
    if (column < row_.size()) return row_[column];
    complain(column, "nothing");
    return std::nullopt;
  }

  void complain(std::size_t column, const std::string& value) {
    if (problem_.empty())
      problem_ = fmt::format("column {} of {} is not what it should be: {}", column + 1, view_, value);
  }

  const Row& row_;
  std::string view_;
  std::string problem_;
};

Result<DatabaseStanding> standing_at_rest(const DatabaseTools& tools) {
  DatabaseStanding standing;
  const auto control = read_control(tools, tools.layout.data);
  if (!control && control.error().kind == ErrorKind::not_found) return standing;
  TANDEM_TRY(const auto unit, tools.services.status(tools.layout.unit));
  const bool runs = unit.active == "active" || unit.active == "activating" || unit.active == "reloading";
  standing.state = runs ? DatabaseState::starting : DatabaseState::stopped;
  if (!control) {
    standing.problem = control.error().message;
    return standing;
  }
  standing.system_identifier = control->system_identifier;
  standing.timeline = control->timeline;
  standing.position = standing.received = standing.replayed = control->checkpoint;
  return standing;
}

} // namespace

std::string_view name_of(DatabaseState state) {
  switch (state) {
  case DatabaseState::absent:
    return "absent";
  case DatabaseState::stopped:
    return "stopped";
  case DatabaseState::starting:
    return "starting";
  case DatabaseState::primary:
    return "primary";
  case DatabaseState::standby:
    return "standby";
  }
  return "absent";
}

Result<DatabaseStanding> database_standing(const DatabaseTools& tools) {
  auto rows = tools.databases.query("postgres", standing_query);
  if (!rows && rows.error().kind == ErrorKind::unavailable) {
    TANDEM_TRY(auto standing, standing_at_rest(tools));
    if (standing.state == DatabaseState::starting) standing.problem = rows.error().message;
    return standing;
  }
  if (!rows) return std::unexpected(std::move(rows).error());
  TANDEM_TRY(auto standing, parse_standing(*rows));
  if (standing.state != DatabaseState::primary) return standing;
  TANDEM_TRY(const auto standbys, tools.databases.query("postgres", standbys_query));
  TANDEM_TRY(standing.standbys, parse_standbys(standbys));
  TANDEM_TRY(const auto slots, tools.databases.query("postgres", slots_query));
  TANDEM_TRY(standing.slots, parse_slots(slots));
  return standing;
}

Result<DatabaseStanding> parse_standing(const std::vector<Row>& rows) {
  if (rows.size() != 1) return failed("PostgreSQL does not tell whether it is primary or standby");
  Columns columns(rows[0], "the standing");
  DatabaseStanding standing;
  standing.state = columns.truth(0) ? DatabaseState::standby : DatabaseState::primary;
  standing.system_identifier = columns.text(1);
  standing.timeline = static_cast<std::uint32_t>(columns.number(2));
  standing.position = columns.wal(3);
  standing.received = columns.wal(4);
  standing.replayed = columns.wal(5);
  standing.receiver = columns.text(6);
  standing.seconds_behind = columns.seconds(7);
  TANDEM_CHECK(columns.check());
  return standing;
}

Result<std::vector<StandbyLink>> parse_standbys(const std::vector<Row>& rows) {
  std::vector<StandbyLink> standbys;
  for (const auto& row : rows) {
    Columns columns(row, "pg_stat_replication");
    StandbyLink link;
    link.server = columns.text(0);
    link.state = columns.text(1);
    link.sync = columns.text(2);
    link.sent = columns.wal(3);
    link.written = columns.wal(4);
    link.flushed = columns.wal(5);
    link.replayed = columns.wal(6);
    if (row.size() > 7 && row[7]) link.lag_bytes = columns.number(7);
    link.lag_seconds = columns.seconds(8);
    TANDEM_CHECK(columns.check());
    if (link.server != copy_application) standbys.push_back(std::move(link));
  }
  return standbys;
}

Result<std::vector<Slot>> parse_slots(const std::vector<Row>& rows) {
  std::vector<Slot> slots;
  for (const auto& row : rows) {
    Columns columns(row, "pg_replication_slots");
    Slot slot{.name = columns.text(0),
              .active = columns.truth(1),
              .wal_status = columns.text(2),
              .held_back = columns.number(3)};
    TANDEM_CHECK(columns.check());
    slots.push_back(std::move(slot));
  }
  return slots;
}

} // namespace tandem::replication
