#include "replication/database/base_backup.hpp"

#include "base/text.hpp"
#include "replication/database/standing.hpp"

namespace tandem::replication {

std::vector<std::string> base_backup_arguments(const system::PostgresLayout& layout, const std::string& self,
                                               const Upstream& upstream, const std::string& folder) {
  return {layout.binaries + "/pg_basebackup",
          "--dbname=" + system::replication_connection(upstream.address, copy_application),
          "--pgdata=" + folder,
          "--slot=" + system::replication_slot(self),
          "--wal-method=stream",
          "--checkpoint=fast",
          "--progress",
          "--no-password"};
}

std::optional<CopyProgress> parse_copy_progress(std::string_view line) {
  const auto text = trim(line);
  const auto slash = text.find('/');
  const auto unit = text.find(" kB (");
  const auto end = text.find("%)");
  if (slash == std::string_view::npos || unit == std::string_view::npos || end == std::string_view::npos ||
      slash > unit || unit > end)
    return std::nullopt;
  const auto done = to_number(text.substr(0, slash));
  const auto total = to_number(text.substr(slash + 1, unit - slash - 1));
  const auto percent = to_number(trim(text.substr(unit + 5, end - unit - 5)));
  if (!done || !total || !percent || *done < 0 || *total < 0) return std::nullopt;
  return CopyProgress{static_cast<std::uint64_t>(*done), static_cast<std::uint64_t>(*total),
                      static_cast<int>(*percent)};
}

std::vector<std::string> identify_arguments(const system::PostgresLayout& layout, const Upstream& upstream) {
  return {layout.binaries + "/psql", // the one on the path is Debian's wrapper, which takes longer than the question
          "--no-psqlrc",
          "--no-align",
          "--tuples-only",
          "--no-password",
          "--dbname=" + system::replication_connection(upstream.address, copy_application) + " replication=true",
          "--command=IDENTIFY_SYSTEM"};
}

Result<Identity> parse_identity(std::string_view output) {
  const auto columns = split(trim(output), '|');
  const auto& identifier = columns[0];
  const auto timeline = columns.size() > 1 ? to_number(columns[1]) : std::nullopt;
  const auto position = columns.size() > 2 ? parse_wal(columns[2]) : std::nullopt;
  if (identifier.empty() || identifier.find_first_not_of("0123456789") != std::string::npos || !timeline ||
      *timeline <= 0 || !position)
    return failed("the primary does not tell its system identifier, timeline and WAL position: " +
                  std::string(trim(output)));
  return Identity{identifier, static_cast<std::uint32_t>(*timeline), *position};
}

} // namespace tandem::replication
