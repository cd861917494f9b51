// Builds a release beside the running one. Nothing here touches what is served.
#pragma once
#include "model/pair.hpp"
#include "sites/environment.hpp"
#include "sites/mirror.hpp"
#include "sites/shelf.hpp"
#include "sites/virtualenv.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace tandem::sites {

class Builder {
public:
  explicit Builder(Tools tools);

  // Fetches, checks out `wanted` (a branch, a tag, a commit; empty: the site's branch), builds or finds its virtualenv
  // and links its kept folders. Removes what earlier, cut-off builds left behind. The release is not finished yet:
  // Shelf::finish() comes after its steps. When it fails, nothing of it stays.
  // `chosen` is told of it before it is built.
  Result<Release> prepare(const model::Site& site, const std::string& wanted, const Progress& progress,
                          const std::function<void(const Release&)>& chosen = {});

  // Runs commands as the site's owner in the release, with its virtualenv first in PATH and the site's environment.
  // Stops at the first that fails, quoting its last lines. For on_promote and jobs.
  Result<void> run(const model::Site& site, const Release& release, const std::vector<std::string>& commands,
                   const Progress& progress);

  // The same with the site's deploy_steps, while the site's old release serves: PostgreSQL gives up waiting for a lock
  // after lock_timeout, so that visitors who queue up behind a migration do not wait for ever, and a step that got no
  // lock is tried lock_attempts times. A PGOPTIONS of the site's own environment is left as it is.
  // They see `views` (BuiltFolders).
  Result<void> run_deploy_steps(const model::Site& site, const Release& release, const std::vector<system::View>& views,
                                const Progress& progress);

  static constexpr auto lock_timeout = std::chrono::seconds(3);
  static constexpr int lock_attempts = 5;

private:
  Result<void> run_one(const model::Site& site, const Release& release, const Environment& environment,
                       const std::string& command, const std::vector<system::View>& views, const Progress& progress);
  Result<void> make_folders(const model::Site& site, const system::AccountTable& accounts, system::Ownership owner);
  Result<void> make_shared(const model::Site& site, const system::AccountTable& accounts, system::Ownership owner);
  Result<Release> new_release(const model::Site& site, const Commit& commit);
  Result<void> fill(const model::Site& site, Release& release, system::Ownership owner, const Progress& progress);
  Result<void> link_kept(const model::Site& site, const std::string& folder);
  Result<void> make_way(const std::string& path, const std::string& name);

  Tools tools_;
  Shelf shelf_;
  Mirror mirror_;
  Virtualenvs virtualenvs_;
};

} // namespace tandem::sites
