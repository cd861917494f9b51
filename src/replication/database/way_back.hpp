// What becomes of a standby that does not come to follow its primary: facts decide, never the time alone. Pure.
#pragma once
#include "replication/database/wal.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tandem::replication {

// What a primary tells of its WAL.
struct UpstreamPast {
  std::optional<std::string> history = {}; // the text of its timeline's history file; "" for the first; none: not told
  WalPosition oldest = 0;                  // where the oldest segment begins that it still has; 0: not told
};

// Asks the primary. `checkpoint`: it makes one first, without which a rewind soon after a promotion leaves a standby
// that does not start; that can take minutes.
using AskPast = std::function<Result<UpstreamPast>(bool checkpoint)>;

// A standby's database, running or not.
struct OwnWal {
  std::uint32_t timeline = 0;
  WalPosition position = 0; // what it has
  std::uint64_t segment_size = 0;
  std::string history = {}; // of its timeline, as it has it itself; "" when it does not
};

enum class WayBack {
  wait,   // nothing is known that would keep it from following: a connection that is still taken, a slow network
  rewind, // it has WAL of its own beyond the point where the primary's timeline began
  copy,   // the primary has no longer what it needs, or neither one's WAL is the beginning of the other's
};

// Both are on a timeline of that number, and it is not the same one: two servers were promoted to it.
[[nodiscard]] bool namesakes(const OwnWal& own, std::uint32_t upstream_timeline, const UpstreamPast& past);

[[nodiscard]] WayBack way_back(const OwnWal& own, std::uint32_t upstream_timeline, const UpstreamPast& past);

// Where that timeline was left, by a history file's text (postgresql.org/docs/15/continuous-archiving.html,
// "Timelines"; src/backend/access/transam/timeline.c: "timeline<tab>position<tab>reason" a line).
[[nodiscard]] std::optional<WalPosition> end_of_timeline(std::string_view history, std::uint32_t timeline);

// The latest timeline of which there is a segment that holds the WAL up to that position; 0 when there is none. Control
// data know of a standby's change of timeline only minutes later.
[[nodiscard]] std::uint32_t timeline_at(const std::vector<std::string>& names, WalPosition position,
                                        std::uint64_t segment_size);

// Where the oldest of the segments begins, of whatever timeline, by the names in pg_wal; 0 when there is none.
[[nodiscard]] WalPosition oldest_segment(const std::vector<std::string>& names, std::uint64_t segment_size);

} // namespace tandem::replication
