#include "sites/deploy.hpp"

#include "sites/built_folders.hpp"

namespace tandem::sites {

namespace {

Result<void> follow(const Peers& peers) {
  return peers.follow ? peers.follow() : Result<void>{};
}

Result<void> at(const Peers& peers, std::string_view point) {
  return peers.reached ? peers.reached(point) : Result<void>{};
}

// Warm here, then on the peers; the last moment at which the deploy can fail. `offered`: the peers may have it.
Result<void> make_ready(Serving& serving, const model::Site& site, const Release& release, const Peers& peers,
                        bool& offered, const Progress& progress) {
  TANDEM_CHECK(at(peers, "warm"));
  TANDEM_CHECK(serving.warm(site, release.id, progress));
  TANDEM_CHECK(at(peers, "standbys"));
  offered = true;
  if (peers.before_live) TANDEM_CHECK(peers.before_live(release));
  return at(peers, "switch");
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
                         bool& offered, const Progress& progress) {
  Serving serving(tools);
  Shelf shelf(tools);
  TANDEM_TRY(const auto previous, shelf.current(site.domain));
  auto ready = make_ready(serving, site, release, peers, offered, progress);
  if (ready) ready = serving.switch_to(site, release.id);
  if (!ready) {
    if (const auto back = take_back(tools, site, release.id, previous, progress); !back)
      ready.error().message += "; and going back: " + back.error().message;
    return std::unexpected(std::move(ready).error());
  }
  progress("release " + release.id + " is live");
  Deployed done{release, previous, {}};
  // Visitors have it: what fails from here on is told and stops nothing.
  const auto then = [&](std::string_view point, const std::string& what, const std::function<Result<void>()>& work) {
    auto result = at(peers, point);
    if (result) result = work();
    if (!result) done.warnings.push_back(what + ": " + result.error().message);
  };
  then("tell", "telling the standbys", [&] { return follow(peers); });
  if (!previous) then("retire", "ending what served by hand", [&] { return serving.retire_by_hand(site, progress); });
  if (previous && *previous != release.id)
    then("retire", "stopping release " + *previous, [&] { return serving.retire(site, *previous, progress); });
  then("clean", "removing old releases", [&] { return shelf.clean(site.domain, progress); });
  return done;
}

// From the built release to a finished one.
Result<void> make(const Tools& tools, const model::Site& site, const Release& release, BuiltFolders& built,
                  const Peers& peers, const Progress& progress) {
  TANDEM_CHECK(at(peers, "steps"));
  if (peers.before_steps && !site.deploy_steps.empty()) TANDEM_CHECK(peers.before_steps(release));
  TANDEM_CHECK(built.copy(progress));
  TANDEM_CHECK(Builder(tools).run_deploy_steps(site, release, built.views(), progress));
  TANDEM_CHECK(at(peers, "finish"));
  TANDEM_CHECK(built.publish());
  return Shelf(tools).finish(site.domain, release);
}

// What the standbys were offered goes there as it goes here.
Result<Deployed> taken_back(const Peers& peers, bool offered, Result<Deployed> result) {
  if (const auto followed = offered ? follow(peers) : Result<void>(); !followed)
    result.error().message += "; and taking it back from the standbys: " + followed.error().message;
  return result;
}

} // namespace

Result<Deployed> deploy(const Tools& tools, const model::Site& site, const std::string& wanted, const Peers& peers,
                        const Progress& progress) {
  Builder builder(tools);
  Shelf shelf(tools);
  TANDEM_CHECK(at(peers, "prepare"));
  TANDEM_TRY(const auto release, builder.prepare(site, wanted, progress, peers.chosen));
  const auto give_up = [&](Error error) -> Result<Deployed> {
    if (const auto removed = shelf.remove_release(site.domain, release.id); !removed)
      error.message += "; and removing release " + release.id + ": " + removed.error().message;
    return std::unexpected(std::move(error));
  };
  BuiltFolders built(tools, site);
  if (auto made = make(tools, site, release, built, peers, progress); !made) {
    [[maybe_unused]] const auto discarded = built.discard(); // the next deploy does, too
    return give_up(std::move(made).error());
  }
  bool offered = false;
  auto live = go_live(tools, site, release, peers, offered, progress);
  if (live) {
    for (const auto& tidied : {built.remove_gone(), built.discard()})
      if (!tidied) live->warnings.push_back("removing what the release has no more: " + tidied.error().message);
    return live;
  }
  [[maybe_unused]] const auto discarded = built.discard();
  // Never take away what the link names, should taking the switch back have failed too.
  const auto current = shelf.current(site.domain);
  if (current && *current == release.id) return live;
  return taken_back(peers, offered, give_up(std::move(live).error()));
}

Result<Deployed> roll_back(const Tools& tools, const model::Site& site, const WayBack& way, const Peers& peers,
                           const Progress& progress) {
  if (peers.chosen) peers.chosen(way.target);
  bool offered = false;
  auto live = go_live(tools, site, way.target, peers, offered, progress);
  return live ? live : taken_back(peers, offered, std::move(live));
}

} // namespace tandem::sites
