// `tandem failover`: typed on the server that is to take over.
#pragma once
#include "agent/operations/switchover.hpp"

namespace tandem::agent {

// {"alone"?: [names], "stop_primary"?, "dry_run"?}: this server takes over, and the command watches it to its end.
//   -> as watch_run(), with "wal", "committed_to" and "files_to" of what this server had; dry_run: {"text", "refused"?}
Operation failover_operation(KeeperOf keeper);

} // namespace tandem::agent
