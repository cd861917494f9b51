// Puts replication into an agent: its operations, its stream, its part of the status, and the reconciliation of files
// at every [files] reconcile while this server is the primary.
#pragma once
#include "agent/operations/replication.hpp"

namespace tandem::agent {

// Adds to both; call before the agent is made.
void bind_replication(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<FilesLedger> ledger);

} // namespace tandem::agent
