// Deploys and rollbacks of the sites, from the primary's agent.
#pragma once
#include "agent/operation.hpp"
#include "sites/locks.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// {"site", "revision"?, "who"?}: builds and serves it. -> {"site", "release", "commit", "previous"?, "warnings"}
Operation deploy_operation(std::shared_ptr<sites::SiteLocks> locks, system::Applications& applications);
// {"site", "to"?, "who"?, "despite_migrations"?}: serves a release that was live before. -> as deploy
Operation rollback_operation(std::shared_ptr<sites::SiteLocks> locks, system::Applications& applications);

} // namespace tandem::agent
