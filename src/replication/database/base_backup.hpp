// pg_basebackup: its arguments and its words. Pure.
#pragma once
#include "replication/database/wal.hpp"
#include "replication/tools.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tandem::replication {

// Copies the upstream into the folder, with all WAL that it needs to start. The command runs as postgres.
[[nodiscard]] std::vector<std::string> base_backup_arguments(const system::PostgresLayout& layout,
                                                             const std::string& self, const Upstream& upstream,
                                                             const std::string& folder);

struct CopyProgress {
  std::uint64_t done_kb = 0;
  std::uint64_t total_kb = 0; // estimated by the upstream when it began
  int percent = 0;
  bool operator==(const CopyProgress&) const = default;
};

// "  23456/123456 kB (18%), 0/1 tablespace"; nullopt for any other line.
[[nodiscard]] std::optional<CopyProgress> parse_copy_progress(std::string_view line);

// What an upstream says that it is.
struct Identity {
  std::string system_identifier;
  std::uint32_t timeline = 0; // a promotion begins a new one
  WalPosition position = 0;   // the end of its WAL on the disk
  bool operator==(const Identity&) const = default;
};

// psql's arguments to ask the upstream for it over the replication protocol, and the answer
// (postgresql.org/docs/15/protocol-replication.html, IDENTIFY_SYSTEM).
[[nodiscard]] std::vector<std::string> identify_arguments(const system::PostgresLayout& layout,
                                                          const Upstream& upstream);
Result<Identity> parse_identity(std::string_view output);

} // namespace tandem::replication
