// Deploys and rollbacks of the sites, from the primary's agent.
#pragma once
#include "agent/operations/replication.hpp"
#include "sites/locks.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// What the operations on releases share. The port must outlive them.
struct ReleaseWork {
  system::Applications& applications;
  std::shared_ptr<FilesLedger> files;
  sites::SiteLocks locks = {};
  std::mutex databases = {}; // held by whoever dumps a site's database, or fills one from a dump
};

// {"site", "revision"?, "who"?, "no_dump"?: the steps run without a dump of the database before}: builds and serves it.
// -> {"site", "release", "commit", "previous"?, "warnings"}
Operation deploy_operation(std::shared_ptr<ReleaseWork> work);
// {"site", "to"?, "who"?, "despite_migrations"?}: serves a release that was live before. -> as deploy
Operation rollback_operation(std::shared_ptr<ReleaseWork> work);
// Between agents: {"site", "release"}: a standby starts a release that came with the files, and asks its health.
Operation release_warm_operation(std::shared_ptr<ReleaseWork> work);
// Between agents: {"site"}: a standby keeps the release warm that the site's link names now, and no other.
Operation release_live_operation(std::shared_ptr<ReleaseWork> work);

} // namespace tandem::agent
