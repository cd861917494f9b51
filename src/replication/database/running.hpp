// Starting, stopping and turning this server's PostgreSQL, for runbooks and for boot. Each is idempotent: called again
// after it was cut off anywhere, it finishes or says that nothing is left to do. All block.
#pragma once
#include "replication/database/standing.hpp"

#include <chrono>

namespace tandem::replication {

using Limit = std::chrono::milliseconds;

// Makes PostgreSQL a standby of the upstream and starts it: a standby that runs, follows the new upstream; a stopped
// standby and a primary that was stopped in order become standbys. Does not wait for a connection. Slots that it had
// for standbys of its own are dropped, since they would hold back WAL for nobody.
// refused: it runs as a primary; or it was one and was not stopped in order, so that its WAL may have parted from the
// upstream's. not_found: there is no data directory.
Result<void> start_standby(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress);

// Waits until the standby streams that timeline, its upstream's. One whose WAL goes beyond the point where that
// timeline began streams the one before it for a moment, up to that point, and never comes further; one whose WAL its
// upstream has thrown away streams for a moment at each try. unavailable when it has neither come to it nor replayed
// anything for `limit`, with PostgreSQL's own last words.
Result<void> wait_streaming(const DatabaseTools& tools, std::uint32_t timeline, Limit limit);

// Both.
Result<void> follow(const DatabaseTools& tools, const Upstream& upstream, std::uint32_t timeline, Limit limit,
                    const Progress& progress);

// Starts a server that is no standby. refused when it is one, which is promote's work, and when it is half rewound.
Result<void> start_primary(const DatabaseTools& tools, const Progress& progress);

// Makes the running standby the primary and waits until it takes writes, then makes a slot for each of the other
// servers. Already a primary: only the slots. refused when it is half rewound.
Result<void> promote(const DatabaseTools& tools, const std::vector<std::string>& others, Limit limit,
                     const Progress& progress);

// The slot of a server that is none of the pair any more. One that is in use is torn away from it.
Result<void> drop_slot(const DatabaseTools& tools, const std::string& server);
// On a primary: a slot for each of these servers, which holds WAL from now on. A slot that has lost its WAL is made
// anew, since it only bars its server from a first copy.
Result<void> ensure_slots(const DatabaseTools& tools, const std::vector<std::string>& servers);

// Stops PostgreSQL. failed when it did not stop in order.
Result<ControlData> stop_in_order(const DatabaseTools& tools, const Progress& progress);

// The same, and tells where its WAL ends: a standby that has received that far has everything.
Result<WalPosition> stop_clean(const DatabaseTools& tools, const Progress& progress);

// Writes out what is in memory now, so that a stop that follows is short.
Result<void> checkpoint(const DatabaseTools& tools);

// The end of a primary's WAL at this moment.
Result<WalPosition> current_wal(const DatabaseTools& tools);

// On a standby: waits until the record that begins at the position is replayed. For the checkpoint of a primary that
// was stopped in order, the last record there is: whoever has replayed it has everything. unavailable at the limit.
Result<WalPosition> wait_replayed_past(const DatabaseTools& tools, WalPosition position, Limit limit);

// On a standby: waits until everything up to the position has been received and flushed; tells how far it is.
// unavailable at the limit.
Result<WalPosition> wait_received(const DatabaseTools& tools, WalPosition position, Limit limit);

} // namespace tandem::replication
