// What lies in a data directory that no server needs to run for: pg_controldata's words.
#pragma once
#include "replication/database/wal.hpp"
#include "replication/tools.hpp"

namespace tandem::replication {

struct ControlData {
  std::string system_identifier; // the same on a primary and all its standbys
  std::string state;             // "in production", "shut down", "in archive recovery", "shut down in recovery" …
  std::uint32_t timeline = 0;
  WalPosition checkpoint = 0; // where the latest checkpoint's record begins
  std::uint64_t segment_size = 0;
  bool operator==(const ControlData&) const = default;

  // It was stopped in order, as a primary or as a standby.
  [[nodiscard]] bool clean() const { return state == "shut down" || state == "shut down in recovery"; }
};

// The text that pg_controldata prints in the C locale. Pure.
Result<ControlData> parse_control(std::string_view text);

// not_found when the folder holds no data directory.
Result<ControlData> read_control(const DatabaseTools& tools, const std::string& folder);

// The length of the first record in pg_waldump's output. Pure.
Result<std::uint64_t> parse_record_length(std::string_view text);

// Where the WAL of a primary that was stopped in order ends.
Result<WalPosition> end_of_wal(const DatabaseTools& tools, const ControlData& control);

} // namespace tandem::replication
