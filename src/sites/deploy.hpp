// The order of a deploy and of a rollback. Hold the site's lock (SiteLocks) meanwhile. Both block for as long as git,
// pip and the site's own steps take.
#pragma once
#include "sites/builder.hpp"
#include "sites/serving.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tandem::sites {

// The points of a deploy, in their order, each before the work that it is named after. A rollback has those from "warm"
// on.
inline constexpr std::array<std::string_view, 9> deploy_points{"prepare", "steps", "finish", "warm", "standbys",
                                                               "switch",  "tell",  "retire", "clean"};

// What the rest of the pair does in between, and whoever wants to know how far it is. All may be empty.
struct Peers {
  // Told each of deploy_points before its work; an error ends the deploy as a failure of that work would.
  std::function<Result<void>(std::string_view point)> reached = {};
  // The release that it is about, as soon as that is known; of a deploy before anything of it is built.
  std::function<void(const Release& release)> chosen = {};
  // The release is built; its deploy steps come next, and may change the database. An error ends the deploy.
  std::function<Result<void>(const Release& release)> before_steps = {};
  // The release is finished and well here; nobody sees it yet. Brings it to the standbys and warms it there. An error
  // stops the deploy, and nothing has changed.
  std::function<Result<void>(const Release& release)> before_live = {};
  // What the site's link names is what there is now: the new release that visitors get, or the old one after a deploy
  // that failed when the standbys had the new one already. They do the same. An error undoes nothing; it is told.
  std::function<Result<void>()> follow = {};
};

struct Deployed {
  Release release;
  std::optional<std::string> previous; // what was served before
  std::vector<std::string> warnings;   // what failed after the switch, in sentences
};

// Builds and serves `wanted` (a branch, a tag, a commit; empty: the site's branch). When it fails nothing that visitors
// see has changed and nothing of the release is left; what the site's own steps did (migrations) stays done.
Result<Deployed> deploy(const Tools& tools, const model::Site& site, const std::string& wanted, const Peers& peers,
                        const Progress& progress);

// Serves a release that is still here again; the caller has shown WayBack::migrations to the operator.
Result<Deployed> roll_back(const Tools& tools, const model::Site& site, const WayBack& way, const Peers& peers,
                           const Progress& progress);

} // namespace tandem::sites
