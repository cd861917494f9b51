// Makes this server's PostgreSQL a standby, by a rewind or by copying the primary's where it cannot be one otherwise.
#pragma once
#include "replication/database/rewind.hpp"
#include "replication/database/running.hpp"

namespace tandem::replication {

struct FirstCopy {
  bool copied = false;   // false: it followed this primary already, or could at once or after a rewind
  bool rewound = false;  // it was a primary whose WAL had parted from this one's
  std::string kept = {}; // where the data directory lies that was here before, or what it had written alone; "" when
                         // there was nothing worth keeping
};

// Idempotent. Killed at any point, the next call finishes or begins anew, and no data is lost:
//   DATA.tandem-copy      a copy under way; one that is found is begun anew
//   DATA.tandem-ready     a whole copy, already a standby; one that is found takes its place
//   DATA.before-UTC-TIME  what was at DATA before. Debian's pristine cluster is not kept.
//   DATA.tandem-rewinding  a rewind under way; when it is found, the data directory is of no use and is copied anew
// What runs here is stopped only after the copy is whole, but for a standby of this primary that cannot follow it. The
// caller has made sure that this server is not the pair's primary, and that the primary has a slot for it
// (ensure_slots). refused when a primary of the very same cluster runs here: it may have writes that the other one
// lacks.
// `prepare`: what a rewind needs of the primary; empty: none is tried.
Result<FirstCopy> first_copy(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress,
                             const PrepareRewind& prepare = {});

} // namespace tandem::replication
