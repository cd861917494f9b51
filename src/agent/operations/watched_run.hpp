// A command that watches a run to its end. Only watches: the agents carry the run out, and go on when nobody looks.
#pragma once
#include "agent/duty_keeper.hpp"

namespace tandem::agent {

// Tells the run's records in the operator's words as they come, until it is closed. `id`: the run's; its records may
// still be on their way to this server.
//   -> {"runbook", "from", "to", "epoch", "ending", "seconds", "held_ms"?, "left"?: what was not done, as sentences}
// refused when its first step did not let it begin; failed when it was undone or closed, with why.
Result<Json> watch_run(OperationContext& context, DutyKeeper& keeper, const std::string& id);

} // namespace tandem::agent
