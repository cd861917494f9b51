// What each step of a failover does on the server that takes over; its words, order and limits are role::failover()'s.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/name_keeper.hpp"
#include "agent/operations/replication.hpp"
#include "agent/queue_keeper.hpp"
#include "agent/survey.hpp"

namespace tandem::agent {

// What the operator says with the command. Each is an override that gives something up.
struct FailoverWish {
  std::set<std::string> alone; // these servers are switched off, and stay so until it has ended
  bool stop_primary = false;   // a primary that answers and serves is to stop for it
};

// `keeper` is asked when a step is done; it may be made after this. All must outlive the result.
PerformStep failover_steps(Agent& agent, system::Applications& applications, std::shared_ptr<FilesLedger> files,
                           std::shared_ptr<QueueKeeper> queue, std::shared_ptr<NameKeeper> names,
                           std::function<DutyKeeper&()> keeper);

// The run as it would be opened now: this server takes over. refused when it serves already. Worker thread.
Result<role::Opening> failover_opening(Agent& agent, DutyKeeper& keeper, const FailoverWish& wish,
                                       const Survey& survey);

// What stands in its way before anything is done: a primary that answers and serves, a server that is said to be off
// and is not, one of which nobody knows whether it is. Asks, and changes nothing. Worker thread.
Result<void> check_failover(Agent& agent, const FailoverWish& wish, const role::Opening& opening);

// These servers are off from now on, for that run. On the loop.
void note_off(DutyKeeper& keeper, const std::string& run, const std::set<std::string>& servers);

} // namespace tandem::agent
