// Makes the files of a standby equal to the primary's, root by root. On the primary. Idempotent; cut off anywhere, the
// next call goes on.
#pragma once
#include "replication/files/removals.hpp"
#include "replication/files/rsync.hpp"
#include "replication/tools.hpp"

namespace tandem::replication {

struct FilesTools {
  system::Files& files;
  system::Processes& processes;
  // The command, as one text for rsync's --rsh, that carries its standard input and output to the rsync which the far
  // side's agent starts for this job (serve_rsync).
  std::function<Result<std::string>(const RsyncJob& job)> transport;
  // Told each path that a run changed on the standby, absolute and as rsync escapes it; may be empty.
  std::function<void(const std::string& path)> changed = {};
  // Told the root of each name that a run deletes on the standby, code not counted; may be empty.
  std::function<void(const std::string& root)> deleted = {};
  std::function<void(const std::string& root)> made = {}; // the same, of each that is new there
  RemovedSoFar removed = {};                              // from the standby within this hour
};

struct Reconciled {
  std::uint64_t sent = 0;    // files whose content was sent
  std::uint64_t changed = 0; // made or altered otherwise: folders, links, owners, modes, times
  std::uint64_t deleted = 0;
  std::uint64_t bytes = 0; // of content
  std::uint64_t files = 0; // there were on the standby before
  bool operator==(const Reconciled&) const = default;
};

// A rehearsal first: when nothing differs that is all, and the deletion guard decides by what it says. Then the run.
// refused: a root is missing here, or the guard holds; `allow_deletions` is the operator's word that it need not.
Result<Reconciled> reconcile(const FilesTools& tools, const model::Pair& pair, bool allow_deletions,
                             const Progress& progress);

// The same for what has changed since a reconcile() moments ago, in one pass: without a rehearsal, and without code,
// which no deploy can have changed meanwhile. More deletions than that number, root by root: refused.
Result<Reconciled> catch_up(const FilesTools& tools, const model::Pair& pair, std::uint64_t most_deletions,
                            const Progress& progress);

// The far side: the job as it may run here. refused when the root is none of this server's own configuration, or is
// missing here: rsync would fill the disk below a mount point.
Result<std::vector<std::string>> accept_job(system::Files& files, const model::Pair& pair, const RsyncJob& job);

} // namespace tandem::replication
