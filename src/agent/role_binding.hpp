// Puts the role into an agent: its hooks, its messages, its commands, its part of the status.
#pragma once
#include "agent/agent.hpp"
#include "agent/operations/replication.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// Adds to both; call before the agent is made. The port must outlive the agent.
void bind_role(Settings& settings, std::vector<Operation>& operations, system::Applications& applications,
               std::shared_ptr<FilesLedger> files);

} // namespace tandem::agent
