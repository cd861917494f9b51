// Makes the data directory of an old primary, whose WAL has parted from the new one's, a copy of that again by
// pg_rewind: only what differs is sent. What it wrote alone is kept first.
#pragma once
#include "replication/database/control.hpp"
#include "replication/database/way_back.hpp"

#include <vector>

namespace tandem::replication {

// The end of a folder's name while what is to be kept in it is still being copied.
inline constexpr std::string_view unfinished_copy = ".partial";

// Lies beside the data directory while pg_rewind is at it: until that is through, PostgreSQL must not run with it.
[[nodiscard]] inline std::string rewinding_mark(const DatabaseTools& tools) {
  return tools.layout.data + ".tandem-rewinding";
}

// refused while the mark is there.
Result<void> check_whole(const DatabaseTools& tools);

// PostgreSQL does not run here. Keeps the WAL from the point on where the two part in DATA.diverged-TIMELINE-POSITION,
// where there is any; a second call after an interruption keeps it once. The mark lies there from the moment on that
// pg_rewind is started, and goes away once the caller has made the data directory a standby's, or when pg_rewind ended
// before it changed anything. After an error that left it there, the data directory is of no use any more.
Result<void> rewind(const DatabaseTools& tools, const Upstream& upstream, const ControlData& control,
                    const AskPast& ask, const Progress& progress);

// Those of the names in pg_wal that hold WAL of that timeline from the position on. Pure.
[[nodiscard]] std::vector<std::string> segments_from(const std::vector<std::string>& names, std::uint32_t timeline,
                                                     WalPosition position, std::uint64_t segment_size);

[[nodiscard]] std::vector<std::string> rewind_arguments(const system::PostgresLayout& layout, const Upstream& upstream);

// Of a PostgreSQL that lost its power: in this boot its number may be any program's, such as pg_rewind's own, and the
// recovery before a rewind takes that for a server at work (CreateLockFile, src/backend/utils/init/miscinit.c).
Result<void> forget_dead_postmaster(const DatabaseTools& tools);

} // namespace tandem::replication
