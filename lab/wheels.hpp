// Python wheels without a Python index: what examples/shop/requirements.txt names, repacked from Debian's own packages.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tandem::lab {

using WheelProgress = std::function<void(const std::string& what)>;

// Fills OUT_FOLDER/RELEASE ("bookworm" or "trixie") with wheels for that release's Python and returns that folder, for
// `pip install --no-index --find-links FOLDER`. Packages are fetched by apt into ARCHIVE_FOLDER, from the mirror that
// this machine's apt uses. The folder appears whole or not at all; one that was made by the same recipe is kept as it
// is, without asking the network. Needs apt, dpkg-deb, sha256sum and python3.
Result<std::string> prepare_wheels(system::Processes& processes, const std::string& release,
                                   const std::string& archive_folder, const std::string& out_folder,
                                   const WheelProgress& progress = {});

// Lines of apt's sources for another release, from those of this machine: each is "URI SUITE", as in
// "http://mirror.example/debian-security bookworm-security"; suites that do not belong to `own` are left out. Pure.
std::vector<std::string> sources_for(const std::string& release, const std::string& own,
                                     const std::vector<std::string>& lines);

// A wheel's METADATA from a Debian package's egg-info or dist-info, with the requirements that Debian's tools moved
// into the package's dependencies put back. Pure.
std::string wheel_metadata(const std::string& package_info, const std::vector<std::string>& requirements);

} // namespace tandem::lab
