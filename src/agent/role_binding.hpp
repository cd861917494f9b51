// Puts the role into an agent: its hooks, its messages, its part of the status.
#pragma once
#include "agent/agent.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// Adds to both; call before the agent is made. The port must outlive the agent.
void bind_role(Settings& settings, std::vector<Operation>& operations, system::Applications& applications);

} // namespace tandem::agent
