// What this server's PostgreSQL is, and how far replication has come. Reads only.
#pragma once
#include "replication/database/control.hpp"

#include <optional>
#include <vector>

namespace tandem::replication {

enum class DatabaseState {
  absent,   // there is no data directory
  stopped,  // there is one, and nothing runs
  starting, // it runs and does not answer yet
  primary,
  standby,
};
std::string_view name_of(DatabaseState state);

// A standby, as the primary sees it.
struct StandbyLink {
  std::string server;
  std::string state; // "streaming", "catchup", "startup", "stopping"
  std::string sync;  // "async", "sync", "potential", "quorum"
  WalPosition sent = 0;
  WalPosition written = 0;
  WalPosition flushed = 0;
  WalPosition replayed = 0;
  std::optional<std::uint64_t> lag_bytes; // of the WAL that is written here and not replayed there; not told yet: none
  std::optional<double> lag_seconds;
  bool operator==(const StandbyLink&) const = default;
};

struct Slot {
  std::string name;
  bool active = false;
  std::string wal_status;      // "reserved", "extended", "unreserved", "lost"; "" when it was never used
  std::uint64_t held_back = 0; // bytes of WAL kept for it
  bool operator==(const Slot&) const = default;
};

struct DatabaseStanding {
  DatabaseState state = DatabaseState::absent;
  std::string problem = {}; // why nothing more is known
  std::string system_identifier = {};
  std::uint32_t timeline = 0;
  // On a primary all three are the end of its WAL; stopped: the latest checkpoint.
  WalPosition position = 0; // what this server has: the greater of received and replayed
  WalPosition received = 0;
  WalPosition replayed = 0;
  // ---- primary
  std::vector<StandbyLink> standbys = {};
  std::vector<Slot> slots = {};
  // ---- standby
  std::string receiver = {};                 // "streaming" when it follows; "" when it has no connection
  std::optional<double> seconds_behind = {}; // age of what was replayed last; 0 when all that was received is replayed
};

Result<DatabaseStanding> database_standing(const DatabaseTools& tools);

// The application name of a first copy under way; such connections are no standbys.
constexpr auto* copy_application = "tandem-copy";

// Rows of the queries in standing.cpp. Pure; failed when a column is not what PostgreSQL documents.
Result<std::vector<StandbyLink>> parse_standbys(const std::vector<system::Row>& rows);
Result<std::vector<Slot>> parse_slots(const std::vector<system::Row>& rows);
Result<DatabaseStanding> parse_standing(const std::vector<system::Row>& rows);

} // namespace tandem::replication
