#include "agent/site_database_keeper.hpp"

#include "agent/binding.hpp"
#include "agent/duties.hpp"
#include "agent/operations/site_databases.hpp"
#include "sites/serving.hpp"

namespace tandem::agent {

namespace {

constexpr auto database_tick = std::chrono::seconds(5);

} // namespace

// Not during a runbook, whose steps start and stop the applications.
void SiteDatabaseKeeper::start(Agent& agent) {
  const auto due = [&agent] {
    return agent.state().pair != nullptr && agent.on_duty() && agent.runbook().empty() && agent.changing() == 0;
  };
  recurring_ = Recurring::start(agent, database_tick, weak_from_this(), due, [this, &agent] { look(agent); });
}

void SiteDatabaseKeeper::look(Agent& agent) {
  const std::unique_lock free(work_->databases, std::try_to_lock);
  if (!free.owns_lock()) return;
  const auto now = snapshot_of(agent);
  const auto log = [&agent](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
  const auto tell = [&log](const std::string& what, const Result<void>& done) {
    // A PostgreSQL that does not answer is told by others.
    if (!done && done.error().kind != ErrorKind::unavailable) log(what + ": " + describe(done.error()));
  };
  const auto work = site_database_work(agent, now.server);
  if (!work || !now.pair) return;
  const bool primary = now.standing.primary == now.server;
  for (const auto& site : now.pair->sites) {
    if (!site.database) continue;
    sites::SiteDatabase database(*work, site);
    tell("old dumps of " + site.domain, database.tidy(log));
    const auto strays = database.end_strays();
    if (!strays) {
      tell("connections to a former database of " + site.domain, std::unexpected(strays.error()));
      continue;
    }
    if (*strays == 0) continue;
    log(fmt::format("ended {} connection{} to the database of {} from before its restore", *strays,
                    *strays == 1 ? "" : "s", site.domain));
    if (primary) continue; // its visitors would wait for a start; the next connections are new ones
    sites::Serving serving({.ports = agent.ports(),
                            .applications = work_->applications,
                            .layout = {.state = agent.settings().state_folder}});
    tell(site.domain, serving.stop(site));
    tell(site.domain, standby_sites(*now.pair) == SitesAre::warm ? serving.keep_warm(site, log) : serving.rest(site));
  }
  if (primary) tell(sites::unfinished_database, sites::SiteDatabase::drop_unfinished(*work));
}

void bind_site_databases(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<ReleaseWork> work) {
  const auto keeper = std::make_shared<SiteDatabaseKeeper>(work);
  for (auto& operation : {site_dumps_operation(), site_restore_operation(work), site_copy_operation(work)})
    operations.push_back(operation);
  start_with_member(settings, keeper);
}

} // namespace tandem::agent
