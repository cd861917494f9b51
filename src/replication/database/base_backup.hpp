// pg_basebackup: its arguments and its words. Pure.
#pragma once
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

// psql's arguments to ask the upstream for its system identifier over the replication protocol, and its answer.
[[nodiscard]] std::vector<std::string> identify_arguments(const system::PostgresLayout& layout,
                                                          const Upstream& upstream);
Result<std::string> parse_identity(std::string_view output);

} // namespace tandem::replication
