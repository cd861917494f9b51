// `tandem adopt --undo`: a pair that was set up by hand is one again. `tandem adopt --keep`: it never will be.
#pragma once
#include "agent/operations/releases.hpp"

namespace tandem::agent {

// {}: on the primary, which was the primary by hand. Its standbys have to answer. Idempotent; what was cut off goes on
// from there. The agents start again as ones that belong to no pair. -> {"servers": [name]}
Operation give_back_operation(std::shared_ptr<ReleaseWork> releases);
// Between agents, on a standby: {"stage", "by_hand"}: "check" changes nothing -> {"slot": that it used by hand}. With
// "follow" its role asks for nothing any more, and its PostgreSQL follows by what it was set up with; "rest": all else.
// With "leave" its agent starts again as one of no pair.
Operation server_give_back_operation(system::Applications& applications);

// {}: on the primary: the pair stays with tandem, and `tandem adopt --undo` is refused from here on. Its standbys have
// to answer, and its sites to be deployed. Idempotent. -> {"servers": [name]}
Operation keep_operation();
// Between agents, on a standby: {"stage"}: "check" changes nothing, "keep" does it.
Operation server_keep_operation();

} // namespace tandem::agent
