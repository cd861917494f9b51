// The lab's local apt archive.
#pragma once
#include "base/result.hpp"
#include "lab/progress.hpp"

#include <string>
#include <vector>

namespace tandem::lab {

// Everything that the result depends on, as text for a fingerprint.
std::string archive_recipe();

// Downloads archive_packages and bare_packages with all that they depend on, and indexes them.
Result<void> build_archive(const std::string& folder, const std::vector<std::string>& sources,
                           const Progress& progress);

} // namespace tandem::lab
