// Root file systems by mmdebstrap.
#pragma once
#include "base/result.hpp"
#include "lab/progress.hpp"

#include <string>
#include <vector>

namespace tandem::lab {

// What the outside world needs beyond its packages: shell commands with the root folder as "$1".
extern const std::vector<std::string> outside_steps;

// Everything that the result depends on, as text for a fingerprint.
std::string root_recipe(const std::vector<std::string>& packages, const std::vector<std::string>& steps);

// A root with the packages and the network by systemd-networkd, without anything that must differ between hosts
// (machine id, ssh host keys) or that knows the machine it was built on (apt sources, resolver, host name).
Result<void> build_root(const std::string& folder, const std::string& release, const std::vector<std::string>& sources,
                        const std::vector<std::string>& packages, const std::vector<std::string>& steps,
                        const Progress& progress);

} // namespace tandem::lab
