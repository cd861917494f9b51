#include "sites/deploy.hpp"

namespace tandem::sites {

namespace {

Result<void> tell(const std::function<Result<void>(const Release&)>& hook, const Release& release) {
  return hook ? hook(release) : Result<void>{};
}

// Warm here, then on the peers; the last moment at which the deploy can fail.
Result<void> make_ready(Serving& serving, const model::Site& site, const Release& release, const Peers& peers,
                        const Progress& progress) {
  TANDEM_CHECK(serving.warm(site, release.id, progress));
  return tell(peers.before_live, release);
}

// A switch that failed half-way is undone, and what was only warm is stopped.
Result<void> take_back(const Tools& tools, const model::Site& site, const std::string& id,
                       const std::optional<std::string>& previous, const Progress& progress) {
  if (previous == id) return {};
  Serving serving(tools);
  Shelf shelf(tools);
  TANDEM_TRY(const auto current, shelf.current(site.domain));
  if (current == id) TANDEM_CHECK(previous ? serving.switch_to(site, *previous) : shelf.unset_current(site.domain));
  return serving.retire(site, id, progress);
}

Result<Deployed> go_live(const Tools& tools, const model::Site& site, const Release& release, const Peers& peers,
                         const Progress& progress) {
  Serving serving(tools);
  Shelf shelf(tools);
  TANDEM_TRY(const auto previous, shelf.current(site.domain));
  auto ready = make_ready(serving, site, release, peers, progress);
  if (ready) ready = serving.switch_to(site, release.id);
  if (!ready) {
    if (const auto back = take_back(tools, site, release.id, previous, progress); !back)
      ready.error().message += "; and going back: " + back.error().message;
    return std::unexpected(std::move(ready).error());
  }
  progress("release " + release.id + " is live");
  Deployed done{release, previous, {}};
  const auto warn = [&](const std::string& what, const Result<void>& result) {
    if (!result) done.warnings.push_back(what + ": " + result.error().message);
  };
  warn("telling the standbys", tell(peers.after_live, release));
  if (previous && *previous != release.id)
    warn("stopping release " + *previous, serving.retire(site, *previous, progress));
  warn("removing old releases", shelf.clean(site.domain, progress));
  return done;
}

} // namespace

Result<Deployed> deploy(const Tools& tools, const model::Site& site, const std::string& wanted, const Peers& peers,
                        const Progress& progress) {
  Builder builder(tools);
  Shelf shelf(tools);
  TANDEM_TRY(const auto release, builder.prepare(site, wanted, progress));
  const auto give_up = [&](Error error) -> Result<Deployed> {
    if (const auto removed = shelf.remove_release(site.domain, release.id); !removed)
      error.message += "; and removing release " + release.id + ": " + removed.error().message;
    return std::unexpected(std::move(error));
  };
  if (auto ran = builder.run(site, release, site.deploy_steps, progress); !ran) return give_up(std::move(ran).error());
  if (auto finished = shelf.finish(site.domain, release); !finished) return give_up(std::move(finished).error());
  auto live = go_live(tools, site, release, peers, progress);
  if (live) return live;
  // Never take away what the link names, should taking the switch back have failed too.
  const auto current = shelf.current(site.domain);
  return current && *current == release.id ? live : give_up(std::move(live).error());
}

Result<Deployed> roll_back(const Tools& tools, const model::Site& site, const WayBack& way, const Peers& peers,
                           const Progress& progress) {
  return go_live(tools, site, way.target, peers, progress);
}

} // namespace tandem::sites
