// What lies in a data directory that no server needs to run for: its control file, in pg_controldata's words.
#pragma once
#include "replication/database/wal.hpp"
#include "replication/tools.hpp"

#include <optional>

namespace tandem::replication {

struct ControlData {
  std::string system_identifier; // the same on a primary and all its standbys
  std::string state;             // "in production", "shut down", "in archive recovery", "shut down in recovery" …
  std::uint32_t timeline = 0;
  WalPosition checkpoint = 0; // where the latest checkpoint's record begins
  std::uint64_t segment_size = 0;
  std::uint32_t next_object = 0; // the OID that the next object gets, as the latest checkpoint knew it; 0: unknown
  bool operator==(const ControlData&) const = default;

  // It was stopped in order, as a primary or as a standby.
  [[nodiscard]] bool clean() const { return state == "shut down" || state == "shut down in recovery"; }

  // It was stopped in order, and nobody has made a database, role, table or function in it since initdb: the first gets
  // an OID of 16384 or more (FirstNormalObjectId, src/include/access/transam.h).
  [[nodiscard]] bool untouched() const {
    constexpr std::uint32_t first_normal_object = 16384;
    return state == "shut down" && timeline == 1 && next_object > 0 && next_object < first_normal_object;
  }
};

// The text that pg_controldata prints in the C locale. Pure.
Result<ControlData> parse_control(std::string_view text);

// The same from the bytes of global/pg_control, for the layout that PostgreSQL 13 to 17 write on 64-bit little-endian
// machines (pg_control_version 1300, src/include/catalog/pg_control.h). nullopt for any other, and when the checksum
// does not fit: then pg_controldata has to be asked. Pure.
std::optional<ControlData> parse_control_file(std::string_view bytes);

// Without a program where the layout is known: visitors wait for it in a switchover. not_found when the folder holds no
// data directory.
Result<ControlData> read_control(const DatabaseTools& tools, const std::string& folder);

// The length of the first record in pg_waldump's output. Pure.
Result<std::uint64_t> parse_record_length(std::string_view text);

// Where the WAL of a primary that was stopped in order ends.
Result<WalPosition> end_of_wal(const DatabaseTools& tools, const ControlData& control);

} // namespace tandem::replication
