#include "agent/operations/releases.hpp"

#include "agent/agent.hpp"
#include "agent/duties.hpp"
#include "agent/halt.hpp"
#include "agent/operations/site_databases.hpp"
#include "base/text.hpp"
#include "sites/deploy.hpp"
#include "sites/deploy_log.hpp"
#include "sites/outlook.hpp"
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

// The pair as its file says now, on its primary alone.
Result<std::shared_ptr<const model::Pair>> pair_of_primary(OperationContext& context) {
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  if (!primary.empty() && primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is a standby; deploys start on the primary",
                "Run the same command on " + primary);
  return context.load_pair();
}

Result<Work> begin(OperationContext& context) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "site"));
  TANDEM_TRY(const auto who, peer::text_member_or(context.params(), "who", "somebody"));
  TANDEM_TRY(auto pair, pair_of_primary(context));
  const auto* site = pair->site(domain);
  if (site == nullptr) return no_such_site(*pair, domain);
  return Work{pair, *site, who};
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

// The standbys' part of a release going live: files first, then the application warm beside the old one.
class Standbys {
public:
  Standbys(OperationContext& context, ReleaseWork& shared, const Work& work, sites::Progress say)
      : context_(context), shared_(shared), work_(work), say_(std::move(say)) {}

  [[nodiscard]] sites::Peers hooks() {
    return {.reached = [this](std::string_view point) { return stand_still(point); },
            .before_steps = [this](const sites::Release& release) { return dump_before(release); },
            .before_live = [this](const sites::Release& release) { return before_live(release); },
            .follow = [this] { return follow(); }};
  }

private:
  [[nodiscard]] Result<void> stand_still(std::string_view point) const {
    const auto tell = [this](const std::string& line) { context_.log("the deploy " + line); };
    const Halting halting(HaltFile(context_.ports().files, context_.agent().settings().run_folder), tell,
                          [this] { return context_.cancelled(); });
    return halting.at(fmt::format("deploy {}", point), fmt::format("before \"{}\"", point));
  }

  Result<void> dump_before(const sites::Release& release) {
    if (!work_.site.database || context_.params().value("no_dump", false)) return {};
    auto dumped = dump_site(context_, shared_, work_.site, release.id);
    if (!dumped && dumped.error().hint.empty())
      dumped.error().hint = "No step of the release has run. To do without a dump of the database as it is now: tandem "
                            "deploy " +
                            work_.site.domain + " --no-dump";
    return dumped;
  }

  // Files that do not arrive stop the deploy; an application that does not start there is told and does not.
  Result<void> before_live(const sites::Release& release) {
    return on_each([&](const std::string& server) -> Result<void> {
      TANDEM_CHECK(send_files(server));
      const auto warm =
          context_.call_peer(server, "release.warm", {{"site", work_.site.domain}, {"release", release.id}}, {},
                             {.time_limit = std::chrono::minutes(5)});
      if (!warm) say_("warning: the release does not run on " + server + ": " + warm.error().message);
      return {};
    });
  }

  Result<void> follow() {
    return on_each([&](const std::string& server) -> Result<void> {
      TANDEM_CHECK(send_files(server));
      TANDEM_CHECK(context_.call_peer(server, "release.live", {{"site", work_.site.domain}}, {},
                                      {.time_limit = std::chrono::minutes(5)}));
      return {};
    });
  }

  Result<void> send_files(const std::string& server) {
    const auto turn = shared_.files->wait();
    TANDEM_CHECK(reconcile_server(context_.agent(), *work_.pair, server, {.differs = true}, *shared_.files,
                                  [](const std::string& /*line*/) {}));
    return {};
  }

  Result<void> on_each(const std::function<Result<void>(const std::string& server)>& work) {
    for (const auto& peer : context_.snapshot().peers) {
      if (!peer.connected) {
        say_("warning: " + peer.name + " does not answer; it gets the release with its files later");
        continue;
      }
      if (auto done = work(peer.name); !done) return std::unexpected(std::move(done).error().within(peer.name));
    }
    return {};
  }

  OperationContext& context_;
  ReleaseWork& shared_;
  const Work& work_;
  sites::Progress say_;
};

// What went wrong, and what visitors have all the while.
std::unexpected<Error> still_served(const sites::Tools& tools, const Work& work, Error error) {
  const auto current = sites::Shelf(tools).current(work.site.domain);
  if (!current) return std::unexpected(std::move(error));
  const auto by_hand = sites::SiteByHand(tools, work.site.domain).serving();
  const auto served = *current              ? "visitors of " + work.site.domain + " get release " + **current
                      : by_hand && *by_hand ? work.site.domain + " goes on as it was set up by hand"
                                            : work.site.domain + " serves nothing yet";
  error.hint += (error.hint.empty() ? "" : "\n  ") +
                (served + "; what the site's own steps have done to the database stays done");
  return std::unexpected(std::move(error));
}

// A deploy or rollback of a site whose lock is held: told to whoever watches, and to its log.
class Told {
public:
  Told(OperationContext& context, ReleaseWork& shared, const Work& work, const std::string& what,
       const std::string& wanted)
      : context_(context), work_(work), tools_(site_tools(context, shared.applications)),
        log_(tools_, work.site.domain, record(what, wanted),
             [&context](const std::string& problem) { context.log(problem); }),
        standbys_(context, shared, work, progress()) {}

  [[nodiscard]] const sites::Tools& tools() const { return tools_; }

  [[nodiscard]] sites::Progress progress() {
    return [this](const std::string& line) {
      context_.report(line);
      log_.line(line);
    };
  }

  [[nodiscard]] sites::Peers peers() {
    auto peers = standbys_.hooks();
    peers.reached = [this, stand_still = std::move(peers.reached)](std::string_view point) {
      log_.flush();
      return stand_still(point);
    };
    peers.chosen = [this](const sites::Release& release) { log_.chosen(release); };
    return peers;
  }

  Result<Json> ended(Result<sites::Deployed> deployed) {
    if (deployed) {
      log_.done(deployed->warnings);
      return answer_of(work_, *deployed);
    }
    log_.failed(describe(deployed.error()));
    return still_served(tools_, work_, std::move(deployed).error());
  }

private:
  [[nodiscard]] sites::DeployRecord record(const std::string& what, const std::string& wanted) const {
    sites::DeployRecord record{.what = what, .who = work_.who, .wanted = wanted};
    sites::Shelf shelf(tools_);
    const auto current = shelf.current(work_.site.domain);
    if (!current || !*current) return record;
    record.from_release = **current;
    if (const auto release = shelf.find(work_.site.domain, **current)) record.from_commit = release->commit;
    return record;
  }

  OperationContext& context_;
  const Work& work_;
  sites::Tools tools_;
  sites::DeployLog log_;
  Standbys standbys_;
};

Result<Json> deploy_site(OperationContext& context, ReleaseWork& shared, const Work& work,
                         const std::string& revision) {
  TANDEM_TRY(const auto lock, lock_site(context, shared.locks, work, "deploy of " + work.site.domain));
  Told told(context, shared, work, "deploy", revision);
  return told.ended(sites::deploy(told.tools(), work.site, revision, told.peers(), told.progress()));
}

Result<Json> foresee_site(OperationContext& context, ReleaseWork& shared, const Work& work,
                          const std::string& revision) {
  TANDEM_TRY(const auto lock, lock_site(context, shared.locks, work, "dry run for " + work.site.domain));
  TANDEM_TRY(const auto outlook, sites::look_ahead(site_tools(context, shared.applications), work.site, revision,
                                                   [&](const std::string& line) { context.report(line); }));
  Json answer{{"site", work.site.domain},
              {"commit", outlook.commit.hash},
              {"branch", outlook.commit.branch},
              {"related", outlook.related},
              {"comes", outlook.comes},
              {"goes", outlook.goes},
              {"environment", outlook.environment},
              {"builds_environment", outlook.builds_environment},
              {"steps", outlook.steps},
              {"migrations", outlook.migrations}};
  if (outlook.current) answer["current"] = {{"release", outlook.current->id}, {"commit", outlook.current->commit}};
  return answer;
}

using OnSite = Result<Json> (*)(OperationContext&, ReleaseWork&, const Work&, const std::string& revision);

// One site after the other in the order of importance, each as if it were the only one.
Result<Json> on_all_sites(OperationContext& context, ReleaseWork& shared, OnSite on_site) {
  TANDEM_TRY(const auto who, peer::text_member_or(context.params(), "who", "somebody"));
  TANDEM_TRY(const auto pair, pair_of_primary(context));
  const bool stops = context.params().value("stop_at_failure", false);
  Json sites = Json::array();
  bool stopped = false;
  for (const auto& site : pair->sites) {
    if (stopped || context.cancelled()) {
      sites.push_back({{"site", site.domain}, {"not_started", true}});
      continue;
    }
    context.report(fmt::format("{} ({} of {})", site.domain, sites.size() + 1, pair->sites.size()));
    auto answer = on_site(context, shared, Work{pair, site, who}, "");
    if (on_site == deploy_site && shared.deploy_ended) shared.deploy_ended(context, site.domain, answer);
    if (!answer) {
      context.report(site.domain + ": " + describe(answer.error()));
      answer = Json{{"site", site.domain}, {"error", peer::to_json(answer.error())}};
      stopped = stops;
    }
    sites.push_back(*std::move(answer));
  }
  return Json{{"sites", std::move(sites)}};
}

Result<Json> deploy(OperationContext& context, ReleaseWork& shared) {
  const OnSite on_site = context.params().value("dry_run", false) ? foresee_site : deploy_site;
  if (context.params().value("all", false)) return on_all_sites(context, shared, on_site);
  TANDEM_TRY(const auto work, begin(context));
  TANDEM_TRY(const auto revision, peer::text_member_or(context.params(), "revision", ""));
  return on_site(context, shared, work, revision);
}

// One of a site alone that changes something; those of all sites tell of each as it ends.
void tell_end(const OperationContext& context, const ReleaseWork& shared, const Result<Json>& done) {
  const auto& params = context.params();
  if (!shared.deploy_ended || params.value("dry_run", false) || params.value("all", false)) return;
  shared.deploy_ended(context, params.value("site", ""), done);
}

Result<Json> deploy_and_tell(OperationContext& context, ReleaseWork& shared) {
  auto done = deploy(context, shared);
  tell_end(context, shared, done);
  return done;
}

Result<Json> roll_back(OperationContext& context, ReleaseWork& shared) {
  TANDEM_TRY(const auto work, begin(context));
  TANDEM_TRY(const auto wanted, peer::text_member_or(context.params(), "to", ""));
  TANDEM_TRY(const auto lock, lock_site(context, shared.locks, work, "rollback of " + work.site.domain));
  TANDEM_TRY(const auto holdings, sites::Shelf(site_tools(context, shared.applications)).look(work.site.domain));
  TANDEM_TRY(const auto way, sites::choose_rollback(holdings, wanted));
  if (!way.migrations.empty() && !context.params().value("despite_migrations", false))
    return fail(ErrorKind::refused,
                fmt::format("release {} does not know {} that ran since: {}", way.target.id,
                            way.migrations.size() == 1 ? "a migration" : "migrations", join(way.migrations, ", ")),
                "If it works with the database as it is now: tandem rollback " + work.site.domain +
                    " --despite-migrations");
  Told told(context, shared, work, "rollback", wanted);
  return told.ended(sites::roll_back(told.tools(), work.site, way, told.peers(), told.progress()));
}

Result<Json> on_standby(OperationContext& context, ReleaseWork& shared,
                        const std::function<Result<void>(sites::Serving&, const model::Site&)>& work) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "site"));
  TANDEM_TRY(const auto pair, context.load_pair());
  const auto* site = pair->site(domain);
  if (site == nullptr) return fail(ErrorKind::not_found, "tandem.toml has no site " + domain);
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary == snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is the primary; its releases are its own");
  sites::Serving serving(site_tools(context, shared.applications));
  if (standby_sites(*pair) == SitesAre::resting)
    TANDEM_CHECK(serving.rest(*site));
  else
    TANDEM_CHECK(work(serving, *site));
  return Json::object();
}

Result<Json> warm(OperationContext& context, ReleaseWork& shared) {
  TANDEM_TRY(const auto release, peer::text_member(context.params(), "release"));
  if (!sites::is_release_id(release)) return fail(ErrorKind::invalid, "that is no release: " + release);
  return on_standby(context, shared, [&](sites::Serving& serving, const model::Site& site) -> Result<void> {
    // A folder that was set up by hand here too makes way for the link that comes with the files.
    const auto tools = site_tools(context, shared.applications);
    sites::SiteByHand by_hand(tools, site.domain);
    TANDEM_TRY(const auto folder, by_hand.serving());
    if (folder) TANDEM_CHECK(by_hand.change_places(tools.layout.link_target(site.domain, release)));
    return serving.warm(site, release, [&](const std::string& line) { context.report(line); });
  });
}

Result<Json> live(OperationContext& context, ReleaseWork& shared) {
  return on_standby(context, shared, [&](sites::Serving& serving, const model::Site& site) {
    return serving.keep_warm(site, [&](const std::string& line) { context.report(line); });
  });
}

Operation operation(std::string name, Caller caller, std::shared_ptr<ReleaseWork> work,
                    Result<Json> (*run)(OperationContext&, ReleaseWork&)) {
  return {.name = name, .callers = {caller}, .apart = true, .run = [name, work, run](OperationContext& context) {
            const auto site = context.params().value("all", false) ? "all sites" : context.params().value("site", "");
            context.log(fmt::format("{} {} begins, asked for by {}", name, site, context.from()));
            auto done = run(context, *work);
            context.log(done ? fmt::format("{} {}: done", name, site)
                             : fmt::format("{} {}: {}", name, site, describe(done.error())));
            return done;
          }};
}

} // namespace

sites::Tools site_tools(const OperationContext& context, system::Applications& applications) {
  return {.ports = context.ports(),
          .applications = applications,
          .layout = {.state = context.agent().settings().state_folder}};
}

std::unexpected<Error> no_such_site(const model::Pair& pair, const std::string& domain) {
  std::vector<std::string> domains;
  for (const auto& site : pair.sites)
    domains.push_back(site.domain);
  return fail(ErrorKind::not_found, "tandem.toml has no site " + domain + "; " +
                                        (domains.empty() ? "it has none" : "its sites are " + join(domains, ", ")));
}

Operation deploy_operation(std::shared_ptr<ReleaseWork> work) {
  return operation("deploy", Caller::command, std::move(work), deploy_and_tell);
}

Operation rollback_operation(std::shared_ptr<ReleaseWork> work) {
  return operation("rollback", Caller::command, std::move(work), roll_back);
}

Operation release_warm_operation(std::shared_ptr<ReleaseWork> work) {
  return operation("release.warm", Caller::peer, std::move(work), warm);
}

Operation release_live_operation(std::shared_ptr<ReleaseWork> work) {
  return operation("release.live", Caller::peer, std::move(work), live);
}

} // namespace tandem::agent
