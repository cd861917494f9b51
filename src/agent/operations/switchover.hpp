// The commands around runbooks, and what the agents tell each other about them.
#pragma once
#include "agent/duty_keeper.hpp"

namespace tandem::agent {

using KeeperOf = std::function<DutyKeeper&(Agent&)>;
using StepsOf = std::function<PerformStep(Agent&)>;

// {"to"?, "cut_requests"?, "dry_run"?}: begins a switchover and watches it to its end, wherever it goes on.
//   -> as watch_run(); dry_run: {"text", "refused"?: why it would be refused now}
Operation switchover_operation(KeeperOf keeper, StepsOf steps);
// {}: watches the open run to its end. -> as above
Operation resume_operation(KeeperOf keeper);
// {}: turns the open run back. -> as above
Operation abort_operation(KeeperOf keeper);
// {"runbook"?, "to"?}: the steps of a switchover, or of a failover to this server, as a person would type them. ->
// {"text"}
Operation runbook_operation(KeeperOf keeper);
// Between agents: a run's records -> {"count"}; {"id"}: how that run has ended here, and what a new one must not meet
// here -> {"ending", "busy"}; a step to be done here -> {}.
Operation run_records_operation(KeeperOf keeper);
Operation run_state_operation(KeeperOf keeper);
Operation run_step_operation(KeeperOf keeper, StepsOf steps);

} // namespace tandem::agent
