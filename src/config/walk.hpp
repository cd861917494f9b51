// Goes through the file beside the table of keys: every key that is known, accepted and right lands in the
// pair, everything else becomes a problem. Knows nothing of what values mean together; checks.hpp does.
#pragma once
#include "config/document.hpp"

namespace tandem::config {

struct Walked {
  model::Pair pair;
  std::vector<model::SecretFile> secrets;
  Places places;
};

// `folder` is the file's, for the paths of secrets.
[[nodiscard]] Walked walk(const Node& top, const std::string& folder, const SecretReader& secret,
                          const KeySet& accepted, Problems& problems);

} // namespace tandem::config
