// The demo's second part: a power cut of the primary under load and what follows, and a release that is broken.
#pragma once
#include "lab/shop_pair.hpp"
#include "lab/visitors.hpp"

#include <nlohmann/json.hpp>

namespace tandem::demo {

using Json = nlohmann::json;

// uno is the primary. Visitors come by duo's address; uno loses its power, `tandem failover` on duo, uno comes back and
// follows by itself. Figures: failover_s (from the command to the first page by the new primary), rejoin_s (from uno's
// boot until it follows), lost_after_announced (writes that were acknowledged and are not there, all later than the
// moment that the failover had said), and lost_before_announced, which must be 0.
Result<void> power_cut(lab::Lab& lab, lab::ShopPair& pair, Json& figures);

// A commit that does not even start is deployed on duo, which serves, while visitors are there: failed_in_bad_deploy.
Result<void> bad_deploy(lab::Lab& lab, lab::ShopPair& pair, Json& figures);

} // namespace tandem::demo
