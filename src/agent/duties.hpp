// What this server does by its role, over the ports: database, sites, nginx, gate, marker. Idempotent; worker threads.
#pragma once
#include "agent/role_keeper.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// The agent and the port must outlive them.
Duties make_duties(Agent& agent, system::Applications& applications);

} // namespace tandem::agent
