// What each step of a switchover does on this server; its words, order and limits are role::switchover()'s.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/last_files.hpp"
#include "agent/name_keeper.hpp"
#include "agent/queue_keeper.hpp"

namespace tandem::agent {

// What one step leaves for a later one of the same agent; each does without it after a restart.
struct StepMemory {
  std::atomic<std::uint64_t> stopped_at = 0; // where the last record of this server's WAL begins, stopped in order; 0:
                                             // it is not known, and pg_controldata tells
  LastFiles last_files;
};

// `keeper` is asked when a step is done; it may be made after this. All must outlive the result.
PerformStep switchover_steps(Agent& agent, system::Applications& applications, std::shared_ptr<FilesLedger> files,
                             std::shared_ptr<QueueKeeper> queue, std::shared_ptr<NameKeeper> names,
                             std::shared_ptr<StepMemory> memory, std::function<DutyKeeper&()> keeper);

// The run as it would be opened now, from this server to `to` (empty: the only other one). Worker thread.
Result<role::Opening> switchover_opening(Agent& agent, RoleKeeper& role, const std::string& to, bool cut_requests);

// Between agents: {}: where the last record of this server's WAL, stopped in order, begins -> {"checkpoint"}.
Operation database_end_operation(std::shared_ptr<StepMemory> memory);
// Between agents: -> {"settings": [name]}: those of which a standby needs as much as its primary has, and with which
// PostgreSQL here runs as they were until it is restarted.
Operation database_waiting_operation();
// Between agents: {}: waits a moment for one without slow requests on this server -> {"calm": bool}
Operation sites_calm_operation(system::Applications& applications);

} // namespace tandem::agent
