// What each step of a switchover does on this server; its words, order and limits are role::switchover()'s.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/operations/replication.hpp"

namespace tandem::agent {

// Where the WAL of this server ends since it was stopped in order; 0: it is not known, and pg_controldata tells.
using StoppedAt = std::atomic<std::uint64_t>;

// `keeper` is asked when a step is done; it may be made after this. All must outlive the result.
PerformStep switchover_steps(Agent& agent, system::Applications& applications, std::shared_ptr<FilesLedger> files,
                             std::shared_ptr<StoppedAt> stopped, std::function<DutyKeeper&()> keeper);

// The run as it would be opened now, from this server to `to` (empty: the only other one). Worker thread.
Result<role::Opening> switchover_opening(Agent& agent, RoleKeeper& role, const std::string& to, bool cut_requests);

// Between agents: {}: where the last record of this server's WAL, stopped in order, begins -> {"checkpoint"}.
Operation database_end_operation(std::shared_ptr<StoppedAt> stopped);

} // namespace tandem::agent
