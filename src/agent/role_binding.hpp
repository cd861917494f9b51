// Puts the role into an agent: its hooks, its messages, its commands, its part of the status.
#pragma once
#include "agent/agent.hpp"
#include "agent/operations/releases.hpp"
#include "agent/operations/replication.hpp"
#include "agent/operations/switchover.hpp"

namespace tandem::agent {

// What a server does by its role and for a runbook; called once an agent, when its keeper is made, and `steps` again
// for each step that another server asks for. `keeper` may be asked when a step is done, not before.
struct RoleWork {
  std::function<std::unique_ptr<Duties>(Agent&)> duties;
  std::function<PerformStep(Agent&, std::function<DutyKeeper&()> keeper)> steps;
};

// Adds the keepers to both; call before the agent is made. Gives how its keeper is reached, on the loop; drop that
// before the agent.
KeeperOf bind_keepers(Settings& settings, std::vector<Operation>& operations, RoleWork work);

// The same with what real servers do. Its port must outlive the agent.
void bind_role(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<ReleaseWork> releases);

} // namespace tandem::agent
