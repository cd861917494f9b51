// What to keep, what to remove and where to go back to. Pure.
#pragma once
#include "base/result.hpp"
#include "sites/release.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tandem::sites {

// What lies in a site's folder.
struct Holdings {
  std::vector<Release> releases;         // finished ones, the oldest first
  std::vector<std::string> unfinished;   // ids of folders without a readable manifest
  std::vector<std::string> environments; // keys
  std::optional<std::string> current;    // the release that the site's link names
  History history;
};

struct Leftovers {
  std::vector<std::string> releases;
  std::vector<std::string> environments;
};

// The newest three releases are kept, always the current one and the one before it, and their environments.
// Everything unfinished goes.
[[nodiscard]] Leftovers leftovers(const Holdings& holdings);

// The release that was live before the current one and is still here.
[[nodiscard]] std::optional<std::string> previous_release(const Holdings& holdings);

struct WayBack {
  Release target;
  std::vector<std::string> migrations; // that the current release brought and the target does not know
};

// Where a rollback leads: to `wanted` (an id, or the beginning of a commit) or, when it is empty, to the release that
// was live before. not_found when there is none, refused when it is the current one.
Result<WayBack> choose_rollback(const Holdings& holdings, const std::string& wanted);

} // namespace tandem::sites
