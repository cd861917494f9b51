// A release as its manifest describes it, and the list of releases that were live. Values and their JSON; pure.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::sites {

// The manifest is written last: a release without one was never finished.
struct Release {
  std::string id;
  std::string commit;                  // all 40 digits
  std::string branch;                  // the branch or tag it was asked for by; empty: by its commit
  std::int64_t created = 0;            // seconds since the epoch
  std::string environment;             // key of its virtualenv
  std::vector<std::string> steps;      // the site's own steps that were run
  std::vector<std::string> migrations; // paths of its migration files, sorted
  bool operator==(const Release&) const = default;
};

[[nodiscard]] std::string to_text(const Release& release);
// invalid when it is damaged, refused when a later version of tandem wrote it.
[[nodiscard]] Result<Release> release_from(const std::string& text);

// Ids of the releases that were live, the newest first.
using History = std::vector<std::string>;

[[nodiscard]] std::string to_text(const History& history);
[[nodiscard]] Result<History> history_from(const std::string& text);

} // namespace tandem::sites
