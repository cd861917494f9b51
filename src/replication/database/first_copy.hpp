// Makes this server's PostgreSQL a standby, by a rewind or by copying the primary's where it cannot be one otherwise.
#pragma once
#include "replication/database/rewind.hpp"
#include "replication/database/running.hpp"
#include "replication/database/way_back.hpp"

#include <array>

namespace tandem::replication {

// In their order, each before the work that it is named after: of a rewind, then of a copy.
inline constexpr std::array<std::string_view, 5> rewind_points{"stop", "keep", "rewind", "rewound", "follow"};
inline constexpr std::array<std::string_view, 4> copy_points{"copy", "room", "place", "clean"};

struct FirstCopy {
  bool copied = false;  // false: it followed this primary already, or could at once or after a rewind
  bool rewound = false; // it was a primary whose WAL had parted from this one's
};

// What was kept beside the data directory, by this call or an earlier one.
struct KeptData {
  std::string path;
  bool wal = false; // what a server wrote alone; else a whole data directory
  bool operator==(const KeptData&) const = default;
};

enum class Copies {
  where_needed,
  also_when_late, // a person asks for it: a standby that does not come to follow is copied anew, for whatever reason
};

Result<std::vector<KeptData>> kept_data(system::Files& files, const system::PostgresLayout& layout);

// Idempotent. Killed at any point, the next call finishes or begins anew, and no data is lost:
//   DATA.tandem-copy      a copy under way; one that is found is begun anew
//   DATA.tandem-ready     a whole copy, already a standby; one that is found takes its place
//   DATA.before-UTC-TIME  what was at DATA before. Debian's pristine cluster is not kept.
//   DATA.diverged-TIMELINE-POSITION  the WAL that this server wrote alone, before a rewind
//   DATA.tandem-rewinding  a rewind under way; when it is found, the data directory is of no use and is copied anew
// What runs here is stopped only after the copy is whole, but for a standby of this primary that cannot follow it. The
// caller has made sure that this server is not the pair's primary, and that the primary has a slot for it
// (ensure_slots). refused when a primary of the very same cluster runs here: it may have writes that the other one
// lacks. unavailable when a standby of this primary does not follow, and nothing is known that would keep it from it
// (way_back): trying again may help. failed when a standby does not start: what keeps it down is hardly its data, and
// each copy would fill the disk further.
Result<FirstCopy> first_copy(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress,
                             const AskPast& ask, Copies copies = Copies::where_needed);

} // namespace tandem::replication
