// The steps that make a standby the primary, once the epoch is its own: the same after a grant and in a failover. For
// the runbooks of this folder only.
#pragma once
#include "role/runbook.hpp"

namespace tandem::role {

// What to type to store the epoch by hand. Only the first of each, which is the state; the others are its history.
inline constexpr std::string_view store_epoch =
    "sed -i '0,/\"epoch\": {last_epoch},/s//\"epoch\": {epoch},/; 0,/\"primary\": "
    "\"{old}\"/s//\"primary\": \"{new}\"/' "
    "/var/lib/tandem/role.json && sync";

[[nodiscard]] Step preparation(Step step); // before the grant: can be undone
[[nodiscard]] Step completion(Step step);  // after it: only forward

// From the marker to the open gate of the new primary.
[[nodiscard]] std::vector<Step> promotion();
// Names lead to the new primary, once it serves.
Step switch_dns();
// Last of all: what works without visitors begins on the new primary.
Step start_work();

} // namespace tandem::role
