// What all labs of a release share: two root file systems and a local apt archive, built once from the machine's own
// Debian mirror and kept in the user's cache folder. They are never written to again; each host lays an overlay on top.
#pragma once
#include "base/result.hpp"
#include "lab/progress.hpp"

#include <string>

namespace tandem::lab {

struct Base {
  std::string bare_root;    // of uno and duo
  std::string outside_root; // of tre
  std::string archive;      // a flat apt repository: deb [trusted=yes] file:ARCHIVE ./
};

// ${XDG_CACHE_HOME:-~/.cache}/tandem/lab/RELEASE
std::string cache_folder(const std::string& release);
// The Python wheels that the shop needs, for the release's own Python; made by prepare_base().
std::string wheels_folder(const std::string& release);

// Builds what is missing. The names of the parts carry a fingerprint of the packages and the recipe, so a change of
// either builds anew. An interrupted build is never taken for a good one: parts are built beside and renamed.
// Two processes that need the same part build it once; the second waits.
Result<Base> prepare_base(const std::string& release, const Progress& progress);
// Whether all of it is there already.
bool has_base(const std::string& release);

// Removes what interrupted builds left, unless a build is going on.
void remove_unfinished_builds();

} // namespace tandem::lab
