// Deploys and rollbacks of the sites, from the primary's agent.
#pragma once
#include "agent/operations/replication.hpp"
#include "sites/locks.hpp"
#include "sites/tools.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// What the operations on releases share. The port must outlive them.
struct ReleaseWork {
  system::Applications& applications;
  std::shared_ptr<FilesLedger> files;
  sites::SiteLocks locks = {};
  std::mutex databases = {}; // held by whoever dumps a site's database, or fills one from a dump
  // A deploy has ended; on its worker thread.
  std::function<void(const OperationContext&, const std::string& site, const Result<Json>&)> deploy_ended = {};
};

[[nodiscard]] sites::Tools site_tools(const OperationContext& context, system::Applications& applications);
// The error for a site that tandem.toml does not have.
[[nodiscard]] std::unexpected<Error> no_such_site(const model::Pair& pair, const std::string& domain);

// {"site", "revision"?, "who"?, "no_dump"?: the steps run without a dump of the database before,
// "pushed"?: true for one that a push has begun}: builds and serves it.
// -> {"site", "release", "commit", "previous"?, "warnings"}
// With "dry_run" only what it would do: -> {"site", "commit", "branch", "current"?: {"release", "commit"}, "related",
// "comes": [text], "goes": [text], "environment", "builds_environment", "steps": [text], "migrations": [path]}
// {"all": true, "stop_at_failure"?} instead of a site: each in its turn.
// -> {"sites": [as one, or {"site", "error"}, or {"site", "not_started"}]}
Operation deploy_operation(std::shared_ptr<ReleaseWork> work);
// {"site", "to"?, "who"?, "despite_migrations"?}: serves a release that was live before. -> as deploy
Operation rollback_operation(std::shared_ptr<ReleaseWork> work);
// {"site"?}: -> {"servers": [{"name", "sites": [{"site", "releases": […], "deploys": […]}]} or {"name", "problem"}]}
// {"site", "show": number}, of this server, 0 for its latest: -> one of "deploys" with its "site" and "log"
Operation deploys_operation(std::shared_ptr<ReleaseWork> work);
// Between agents: {"site"?}: those of this server.
Operation server_deploys_operation(std::shared_ptr<ReleaseWork> work);
// Between agents: {"site", "release"}: a standby starts a release that came with the files, and asks its health.
Operation release_warm_operation(std::shared_ptr<ReleaseWork> work);
// Between agents: {"site"}: a standby keeps the release warm that the site's link names now, and no other.
Operation release_live_operation(std::shared_ptr<ReleaseWork> work);

} // namespace tandem::agent
