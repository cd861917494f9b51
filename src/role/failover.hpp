// The failover of design "The role protocol" as a runbook: the old primary is gone, or is made to stop, and the new one
// takes over by itself. Led by the new primary from its first step on. Its texts name the switchover's parameters;
// besides them an opening has
//   off      the servers that the operator said are switched off, separated by spaces; they stay so until it has ended
//   insist   "yes": a primary that answers is to stop for it
#pragma once
#include "role/progress.hpp"

namespace tandem::role {

[[nodiscard]] const Runbook& failover();

// The least epoch of a failover, by the latest run that is known here: above an open one of another server, which it
// overtakes.
[[nodiscard]] Epoch failover_floor(const Progress& latest, const std::string& self);

// What the protocol is told in this run's steps "fence" (EventKind::prepare) and "take-over" (EventKind::failover).
[[nodiscard]] Event failover_event(EventKind kind, const Opening& opening);

} // namespace tandem::role
