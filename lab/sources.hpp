// The Debian mirror that this machine itself uses, for any release.
#pragma once
#include "base/result.hpp"

#include <string>
#include <vector>

namespace tandem::lab {

// Texts of /etc/apt/sources.list and *.list (one-line) or *.sources (deb822) -> one-line entries of Debian's own
// repositories with the suite `release` in the place of `host_release` (its -updates and -security likewise). Pure.
// Entries of others, of source packages and of other suites are left out.
std::vector<std::string> debian_sources(const std::vector<std::string>& texts, const std::string& host_release,
                                        const std::string& release);

// The same, read from /etc/apt and /etc/os-release; an error when there is none.
Result<std::vector<std::string>> read_debian_sources(const std::string& release);

} // namespace tandem::lab
