// The switchover of design "The role protocol", steps 1 to 8, as a runbook.
//
// Parameters that its texts and commands use, besides {old} {new} {epoch} {last_epoch}; all are filled in by the
// caller, and a test compares them with the texts:
//   old_address, new_address  the peers' addresses
//   database                  PostgreSQL's unit on both servers, "postgresql@15-main"
//   data                      its data directory
//   programs                  the folder of its own programs
//   applications              the sites' units, separated by spaces
//   show                      one command a line that lets nginx find each site's application
//   folders                   the replicated folders, separated by spaces
//   excludes                  rsync's options for what is not replicated
//   health                    one command a line that asks each site's health question
//   on_promote                one command a line of the sites' on_promote steps
//   drain, hold               seconds
//   cut_requests              "yes": requests still in flight at the end of drain are cut; else they end the run
#pragma once
#include "role/runbook.hpp"

namespace tandem::role {

[[nodiscard]] const Runbook& switchover();
// The names of the parameters above.
[[nodiscard]] std::span<const std::string_view> switchover_parameters();

} // namespace tandem::role
