// Makes the data directory of an old primary, whose WAL has parted from the new one's, a copy of that again by
// pg_rewind: only what differs is sent. What it wrote alone is kept first.
#pragma once
#include "replication/database/control.hpp"

#include <vector>

namespace tandem::replication {

// Asks the new primary for a checkpoint, without which a rewind soon after a promotion leaves a standby that does not
// start, and for the text of its latest timeline history file ("" when it has none).
using PrepareRewind = std::function<Result<std::string>()>;

// The end of a folder's name while what is to be kept in it is still being copied.
inline constexpr std::string_view unfinished_copy = ".partial";

// PostgreSQL does not run here. Keeps the WAL from the point on where the two part in DATA.diverged-TIMELINE-POSITION,
// where there is any; a second call after an interruption keeps it once. After an error the data directory is of no use
// any more, unless kind `refused` says that nothing was begun.
Result<void> rewind(const DatabaseTools& tools, const Upstream& upstream, const ControlData& control,
                    const PrepareRewind& prepare, const Progress& progress);

// Where that timeline was left, by a history file's text (postgresql.org/docs/15/continuous-archiving.html,
// "Timelines"; src/backend/access/transam/timeline.c: "timeline<tab>position<tab>reason" a line). Pure.
[[nodiscard]] std::optional<WalPosition> end_of_timeline(std::string_view history, std::uint32_t timeline);

// Those of the names in pg_wal that hold WAL of that timeline from the position on. Pure.
[[nodiscard]] std::vector<std::string> segments_from(const std::vector<std::string>& names, std::uint32_t timeline,
                                                     WalPosition position, std::uint64_t segment_size);

[[nodiscard]] std::vector<std::string> rewind_arguments(const system::PostgresLayout& layout, const Upstream& upstream);

} // namespace tandem::replication
