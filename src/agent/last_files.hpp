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
    std::function<void()> hold;                       // a pass that begins from now on looks at no file before the word
    std::function<void()> let_go;                     // the word; nothing when no pass waits
    std::function<bool()> waits;                      // a pass that was held waits for nothing but the word
    std::function<void(std::function<void()>)> start; // on a thread of its own
    std::function<Result<void>(bool held)> pass;      // returns when the standby has all files on its disk
    replication::Progress progress;
  };

  // Starts what can be started without looking at a file. One that was made ready and never used is let run first.
  void make_ready(const Job& job);

  // Waits until what was made ready waits for nothing but the word, or has broken off. refused when `ended` says so
  // before: another comparison goes on, say.
  Result<void> wait_ready(const Job& job, const std::function<bool()>& ended);

  // What was made ready compares and sends from now on. Nothing else when it was not, or does so already.
  static void go(const Job& job) { job.let_go(); }

  // Lets it go, or begins it now, and returns when the standby has all files on its disk. One that broke off is made
  // up for by a second pass.
  Result<void> finish(const Job& job);

private:
  std::future<Result<void>> take();

  std::mutex mutex_;
  std::future<Result<void>> pass_; // guarded by mutex_
};

// The pass to one standby; `agent` and `ledger` must outlive it.
LastFiles::Job last_files_to(const std::string& server, Agent& agent, std::shared_ptr<const model::Pair> pair,
                             FilesLedger& ledger, replication::Progress progress);

} // namespace tandem::agent
