// The whole configuration as resources: what should be on the view's server. Pure; one source file a subject.
#pragma once
#include "base/result.hpp"
#include "converge/resource.hpp"
#include "setup/view.hpp"

namespace tandem::setup {

using Resources = std::vector<converge::Resource>;

// In an order in which they can be made.
Resources resources(const View& view);
// Of these what visitors meet first: nginx with the gate before the sites. For a server on which the rest is there
// already, set up by hand.
Resources front_resources(const View& view);

// The server's release by its /etc/os-release; anything but Debian 12 and 13 is refused by name.
Result<Release> release_of(const std::string& os_release);

// The ports that sshd listens on, by what `sshd -T` says of its whole configuration and by `ss -Htlnp`, its columns one
// blank apart: an edit that sshd has not read yet is in the one, another sshd in the other.
std::set<std::uint16_t> ssh_ports_in(const std::string& effective, const std::string& listening);

// A uid for every user: the configured one, else the one that an existing user of that name has, else the next from
// 1000 that is free on all servers, as the gid of a group of the user's own as well, and not configured for somebody
// else. Refused when servers disagree.
Result<std::map<std::string, std::uint32_t>> assign_uids(const model::Pair& pair,
                                                         const std::vector<system::AccountTable>& servers);

// A gid for every group that users are to be in and that is neither a user's own nor Debian's: the one that it has
// where it exists, else the next from 1000 that nothing has, no user either. Refused when servers disagree. `uids`: as
// assigned.
Result<std::map<std::string, std::uint32_t>> assign_gids(const model::Pair& pair,
                                                         const std::map<std::string, std::uint32_t>& uids,
                                                         const std::vector<system::AccountTable>& servers);

} // namespace tandem::setup
