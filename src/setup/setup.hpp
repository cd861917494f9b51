// The whole configuration as resources: what should be on the view's server. Pure; one source file a subject.
#pragma once
#include "base/result.hpp"
#include "converge/resource.hpp"
#include "setup/view.hpp"

namespace tandem::setup {

using Resources = std::vector<converge::Resource>;

// In an order in which they can be made.
Resources resources(const View& view);

// The server's release by its /etc/os-release; anything but Debian 12 and 13 is refused by name.
Result<Release> release_of(const std::string& os_release);

// A uid for every user: the configured one, else the one that an existing user of that name has, else the next from
// 1000 that is free on all servers and not configured for somebody else. Refused when servers disagree.
Result<std::map<std::string, std::uint32_t>> assign_uids(const model::Pair& pair,
                                                         const std::vector<system::AccountTable>& servers);

} // namespace tandem::setup
