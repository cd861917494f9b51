// What a deploy would do, without doing it. Only the mirror of the repository is fetched.
#pragma once
#include "model/pair.hpp"
#include "sites/mirror.hpp"
#include "sites/release.hpp"
#include "sites/tools.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tandem::sites {

struct Outlook {
  Commit commit;                       // what would be built
  std::optional<Release> current;      // what is served now
  bool related = true;                 // false: the mirror does not have the current commit any more, so
                                       // that nobody can say what comes and what goes
  std::vector<std::string> comes;      // commits that the current release has not, at most most_told
  std::vector<std::string> goes;       // those of the current release that the new one would not have
  std::string environment;             // key of its virtualenv
  bool builds_environment = false;     // it is not there yet
  std::vector<std::string> steps;      // that would run
  std::vector<std::string> migrations; // files of migrations that the current release has not
};

inline constexpr std::size_t most_told = 20;

// Hold the site's lock meanwhile: a deploy fetches, too. `wanted` is a branch, a tag, a commit; empty: the site's
// branch.
Result<Outlook> look_ahead(const Tools& tools, const model::Site& site, const std::string& wanted,
                           const Progress& progress);

} // namespace tandem::sites
