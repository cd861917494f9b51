// The databases around a site: dumps before deploys, restores, copies.
#pragma once
#include "agent/operations/releases.hpp"
#include "sites/site_database.hpp"

namespace tandem::agent {

// What work on a site's database needs here; worker thread. Halts where the file "halt" says "database POINT".
Result<sites::DatabaseWork> site_database_work(OperationContext& context);
// The same without halts, for an agent's own look.
Result<sites::DatabaseWork> site_database_work(Agent& agent, const std::string& self);

// Before the deploy steps of that release.
Result<void> dump_site(OperationContext& context, ReleaseWork& shared, const model::Site& site,
                       const std::string& release);

// {"site"}: what this server has. -> {"server", "dumps": [{"id", "file", "release", "made", "size"}], "folder",
// "former": [{"database", "size"}]: databases from before a restore}
Operation site_dumps_operation();
// {"site", "dump", "sure"?, "who"?}: on the primary. refused, saying what it would lose, unless "sure".
//   -> {"site", "database", "dump", "former": the database as it was before, "held_ms": how long visitors waited}
Operation site_restore_operation(std::shared_ptr<ReleaseWork> work);
// {"site", "to", "scrub"?: path of a file with SQL, "who"?}: on the primary. -> {"site", "database": the copy}
Operation site_copy_operation(std::shared_ptr<ReleaseWork> work);

} // namespace tandem::agent
