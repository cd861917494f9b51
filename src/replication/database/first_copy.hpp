// Makes this server's PostgreSQL a standby by copying the primary's.
#pragma once
#include "replication/database/running.hpp"

namespace tandem::replication {

struct FirstCopy {
  bool copied = false;   // false: it followed this primary already, or could at once
  std::string kept = {}; // where the data directory lies that was here before; "" when there was none worth keeping
};

// Idempotent. Killed at any point, the next call finishes or begins anew, and no data is lost:
//   DATA.tandem-copy      a copy under way; one that is found is begun anew
//   DATA.tandem-ready     a whole copy, already a standby; one that is found takes its place
//   DATA.before-UTC-TIME  what was at DATA before. Debian's pristine cluster is not kept.
// What runs here is stopped only after the copy is whole, but for a standby of this primary that cannot follow it. The
// caller has made sure that this server is not the pair's primary, and that the primary has a slot for it
// (ensure_slots). refused when a primary of the very same cluster runs here: it may have writes that the other one
// lacks.
Result<FirstCopy> first_copy(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress);

} // namespace tandem::replication
