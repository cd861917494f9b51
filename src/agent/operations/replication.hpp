// Replication in the agent: database and files on the standbys.
#pragma once
#include "agent/agent.hpp"
#include "agent/files_ledger.hpp"

namespace tandem::agent {

// This server's PostgreSQL for a worker thread; `ended` says when its waiting is to end early, and must outlive it.
Result<replication::DatabaseTools> database_tools(Agent& agent, const std::string& self,
                                                  const std::function<bool()>& ended);
Result<replication::Upstream> upstream_of(const model::Pair& pair, const std::string& server);

// On the primary: makes the databases of these connected servers copies of this one's, reporting progress. Idempotent.
Result<void> copy_databases(OperationContext& context, const std::vector<std::string>& servers);
// On a standby: the database follows the primary's, by a first copy where it is none yet. Worker thread; takes
// Agent::database_work() once the primary has answered.
Result<void> follow_database(Agent& agent, const model::Pair& pair, const std::string& self,
                             const std::string& primary);

// Before a comparison by rsync: whether that would find anything.
struct FilesCensus {
  std::uint64_t names = 0;
  bool alike = false;
  // Else all that differs, when the stream of changes can make it equal and nothing is removed for that.
  std::optional<std::vector<replication::Census::Difference>> sendable = {};
};

// nullopt: it was not possible, and why was said. `streamed`: changes go there. Worker thread.
std::optional<FilesCensus> take_files_census(Agent& agent, const model::Pair& pair, const std::string& server,
                                             bool streamed, const replication::Progress& progress);
// What the primary's end of that gets here, which reads and changes nothing.
Result<system::Command> accept_census(Agent& agent, const std::string& server, const Json& params);

struct ComparisonWish {
  bool allow_deletions = false; // the operator's word
  bool differs = false;         // that something does is known
  bool may_be_later = false;    // what differs may be sent by a stream that is about to begin
};

// Makes the files of one standby equal to this server's, and durable there. Worker thread; hold FilesLedger::begin().
Result<replication::Reconciled> reconcile_server(Agent& agent, const model::Pair& pair, const std::string& server,
                                                 const ComparisonWish& wish, FilesLedger& ledger,
                                                 const replication::Progress& progress);

// The same for what changed since the last one, in one short pass. `latch`: it looks at files only when that latch of
// the agent's streams is let go; empty: at once, and after a pass that broke off.
Result<replication::Reconciled> catch_up_server(Agent& agent, const model::Pair& pair, const std::string& server,
                                                FilesLedger& ledger, const replication::Progress& progress,
                                                const std::string& latch);

// What was written to the replicated folders there is on its disk. Worker thread.
Result<void> settle_files(Agent& agent, const std::string& server, std::chrono::milliseconds limit);

// {"server"?: name, "asked"?: by a person, between agents}: on a standby: makes its database a copy of the primary's;
// on the primary: asks all connected others, or that one, to. -> {"servers": [{"name", "copied", "kept": [path]}]}
Operation database_copy_operation();
// Between agents: {"past"?, "rewind"?}: the primary keeps WAL for the server that asks; for its rewind, it writes out
// what is in memory as well -> {"history"?: the text of its timeline's history file, "oldest"?: where the oldest WAL
// begins that it has}.
Operation database_prepare_operation();
// {"allow_deletions"?}: on the primary. -> {"servers": [{"name", "sent", "changed", "deleted", "bytes"}]}
Operation files_reconcile_operation(std::shared_ptr<FilesLedger> ledger);
// Between agents: {}: what was received is on the disk when it answers.
Operation files_settle_operation();
// What the primary's rsync gets here: its arguments are a root, "rehearsal" or "run", and a number of deletions or "-".
Result<system::Command> accept_files(Agent& agent, const std::string& server, const Json& params);
// "database" and "files" of a server, and their problems.
void add_replication_status(const OperationContext& context, Json& status, const FilesLedger& ledger);

} // namespace tandem::agent
