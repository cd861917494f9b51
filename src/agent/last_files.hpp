// The last pass over the files before a server gives its role away. Visitors wait for it, so it is made ready while
// they are still served: rsync runs on both servers then, and waits for the word.
#pragma once
#include "agent/operations/replication.hpp"

#include <future>

namespace tandem::agent {

// Any worker thread, one switchover at a time.
class LastFiles {
public:
  struct Job {
    Agent& agent;
    std::shared_ptr<const model::Pair> pair;
    std::string server; // the standby
    FilesLedger& files;
    replication::Progress progress;
  };

  // Starts what can be started without looking at a file. One that was made ready and never used is let run first.
  void make_ready(const Job& job);
  // What was made ready compares and sends from now on. Nothing else when it was not, or does so already.
  void go(Agent& agent);
  // Lets it go, or begins it now, and returns when the standby has all files on its disk. One that broke off is made
  // up for by a second pass.
  Result<void> finish(const Job& job);

private:
  std::future<Result<void>> take();

  std::mutex mutex_;
  std::future<Result<void>> pass_; // guarded by mutex_
};

} // namespace tandem::agent
