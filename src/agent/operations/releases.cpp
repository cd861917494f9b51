#include "agent/operations/releases.hpp"

#include "agent/agent.hpp"
#include "base/text.hpp"
#include "sites/deploy.hpp"
#include "sites/shelf.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using sites::SiteLocks;

// What one deploy or rollback works on.
struct Work {
  std::shared_ptr<const model::Pair> pair;
  model::Site site;
  std::string who;
};

std::string domains_of(const model::Pair& pair) {
  std::vector<std::string> domains;
  for (const auto& site : pair.sites)
    domains.push_back(site.domain);
  return domains.empty() ? "it has no site" : "its sites are " + join(domains, ", ");
}

Result<Work> begin(OperationContext& context) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "site"));
  TANDEM_TRY(const auto who, peer::text_member_or(context.params(), "who", "somebody"));
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  if (!primary.empty() && primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is a standby; deploys start on the primary",
                "Run the same command on " + primary);
  TANDEM_TRY(auto pair, context.load_pair());
  const auto* site = pair->site(domain);
  if (site == nullptr)
    return fail(ErrorKind::not_found, "tandem.toml has no site " + domain + "; " + domains_of(*pair));
  return Work{pair, *site, who};
}

sites::Tools tools_of(const OperationContext& context, system::Applications& applications) {
  return {.ports = context.ports(),
          .applications = applications,
          .layout = {.state = context.agent().settings().state_folder}};
}

Json answer_of(const Work& work, const sites::Deployed& deployed) {
  Json answer{{"site", work.site.domain},
              {"release", deployed.release.id},
              {"commit", deployed.release.commit},
              {"warnings", deployed.warnings}};
  if (deployed.previous) answer["previous"] = *deployed.previous;
  return answer;
}

Result<SiteLocks::Lock> lock_site(const OperationContext& context, SiteLocks& locks, const Work& work,
                                  const std::string& why) {
  return locks.take(work.site.domain, {.who = work.who, .why = why, .since = context.ports().clock.wall_time()});
}

Result<Json> deploy(OperationContext& context, SiteLocks& locks, system::Applications& applications) {
  TANDEM_TRY(const auto work, begin(context));
  TANDEM_TRY(const auto revision, peer::text_member_or(context.params(), "revision", ""));
  TANDEM_TRY(const auto lock, lock_site(context, locks, work, "deploy of " + work.site.domain));
  TANDEM_TRY(const auto deployed, sites::deploy(tools_of(context, applications), work.site, revision, {},
                                                [&](const std::string& line) { context.report(line); }));
  return answer_of(work, deployed);
}

Result<Json> roll_back(OperationContext& context, SiteLocks& locks, system::Applications& applications) {
  TANDEM_TRY(const auto work, begin(context));
  TANDEM_TRY(const auto wanted, peer::text_member_or(context.params(), "to", ""));
  TANDEM_TRY(const auto lock, lock_site(context, locks, work, "rollback of " + work.site.domain));
  const auto tools = tools_of(context, applications);
  TANDEM_TRY(const auto holdings, sites::Shelf(tools).look(work.site.domain));
  TANDEM_TRY(const auto way, sites::choose_rollback(holdings, wanted));
  if (!way.migrations.empty() && !context.params().value("despite_migrations", false))
    return fail(ErrorKind::refused,
                fmt::format("release {} does not know {} that ran since: {}", way.target.id,
                            way.migrations.size() == 1 ? "a migration" : "migrations", join(way.migrations, ", ")),
                "If it works with the database as it is now: tandem rollback " + work.site.domain +
                    " --despite-migrations");
  TANDEM_TRY(const auto deployed,
             sites::roll_back(tools, work.site, way, {}, [&](const std::string& line) { context.report(line); }));
  return answer_of(work, deployed);
}

} // namespace

Operation deploy_operation(std::shared_ptr<SiteLocks> locks, system::Applications& applications) {
  return {.name = "deploy", .callers = {Caller::command}, .run = [locks, &applications](OperationContext& context) {
            return deploy(context, *locks, applications);
          }};
}

Operation rollback_operation(std::shared_ptr<SiteLocks> locks, system::Applications& applications) {
  return {.name = "rollback", .callers = {Caller::command}, .run = [locks, &applications](OperationContext& context) {
            return roll_back(context, *locks, applications);
          }};
}

} // namespace tandem::agent
