// Asking again and again until something holds.
#pragma once
#include "replication/tools.hpp"

namespace tandem::replication {

// True once `condition` said so; false at the limit. Its error ends the waiting. failed when the work is to end.
Result<bool> wait_until(const DatabaseTools& tools, std::chrono::milliseconds limit, std::chrono::milliseconds step,
                        const std::function<Result<bool>()>& condition);

} // namespace tandem::replication
