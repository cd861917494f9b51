// Replication in the agent: database and files on the standbys.
#pragma once
#include "agent/agent.hpp"
#include "replication/files/reconcile.hpp"

#include <mutex>

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

// What is known of the files on the standbys. Any thread.
class FilesLedger {
public:
  struct Entry {
    std::string complete_to; // the standby has everything up to this wall time; "" when never
    replication::Reconciled last = {};
    std::string problem;  // why the latest attempt failed
    bool refused = false; // by the deletion guard, say: a person has to look first
    // When the latest comparison that went well began.
    std::optional<std::chrono::steady_clock::time_point> compared = {};
    bool streamed = false;           // changes get there as they happen
    std::string stream_problem = {}; // why they do not
    std::string guarded = {};        // what the deletion guard said of the stream; empty: nothing
  };

  void succeeded(const std::string& server, std::string complete_to, const replication::Reconciled& done,
                 std::chrono::steady_clock::time_point began);
  // What the stream of changes says: complete to that moment; one that is `live` no more has no word of it.
  void streamed(const std::string& server, bool live, const std::string& complete_to, const std::string& problem);
  // The stream was ended by the deletion guard: no comparison deletes anything before a person has allowed it.
  void guard(const std::string& server, const std::string& why);
  void allow_deletions(const std::string& server);
  // A comparison is needed soon, and none has been since it was asked for.
  void ask_for(const std::string& server);
  [[nodiscard]] bool compared_since(const std::string& server, std::chrono::steady_clock::time_point moment) const;
  void failed(const std::string& server, const Error& problem);
  // The servers that are to be compared soon: the latest attempt failed and another may do better, or it was asked for.
  [[nodiscard]] std::set<std::string> broke_off() const;
  [[nodiscard]] std::map<std::string, Entry> entries() const;

  // Waits for the one that is under way.
  [[nodiscard]] std::unique_lock<std::mutex> wait() { return std::unique_lock(working_); }

  // nullopt when a reconciliation is under way.
  [[nodiscard]] std::optional<std::unique_lock<std::mutex>> begin();

  // What streams to that server is to wait while a comparison goes on, for as long as what it returns lives.
  std::function<Result<std::shared_ptr<void>>(const std::string& server)> hold_stream = {};

private:
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_; // guarded by mutex_
  std::set<std::string> asked_;          // the same
  std::mutex working_;                   // held for the length of a reconciliation
};

// Makes the files of one standby equal to this server's, and durable there. Worker thread; hold FilesLedger::begin().
Result<replication::Reconciled> reconcile_server(Agent& agent, const model::Pair& pair, const std::string& server,
                                                 bool allow_deletions, FilesLedger& ledger,
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
