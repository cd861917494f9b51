// What is known of the files on the standbys, by server. Any thread.
#pragma once
#include "base/result.hpp"
#include "replication/files/census.hpp"
#include "replication/files/reconcile.hpp"
#include "system/clock.hpp"
#include "system/files.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace tandem::agent {

class FilesLedger {
public:
  using Time = std::chrono::steady_clock::time_point;

  struct Entry {
    std::string complete_to; // the standby has everything up to this wall time; "" when never
    replication::Reconciled last = {};
    std::string problem;               // why the latest attempt failed
    bool refused = false;              // by the deletion guard, say: a person has to look first
    std::optional<Time> compared = {}; // when the latest comparison that went well began
    bool streamed = false;             // changes get there as they happen
    std::string stream_problem = {};   // why they do not
    std::optional<Time> advanced = {}; // when they were last known to have got there; of a stream that goes on
    std::string said = {};             // the moment that the stream said then: a clock may be put back
  };

  // Reads what it kept there before an agent ended, and keeps it there from now on: what the deletion guard counts, to
  // within some hundred, and what it has stopped.
  Result<void> keep(system::Files& files, system::Clock& clock, std::string path);

  // ---- comparisons
  // `allowed`: whatever it deleted a person had allowed.
  void succeeded(const std::string& server, std::string complete_to, const replication::Reconciled& done, Time began,
                 bool allowed);

  // How many names it removed and made, by root; before one of the others.
  struct Names {
    std::uint64_t removed = 0;
    std::uint64_t made = 0;
  };

  void compared_names(const std::string& server, const std::map<std::string, Names>& names);
  void failed(const std::string& server, const Error& problem);
  // One is needed soon, and none has been since it was asked for.
  void ask_for(const std::string& server);
  [[nodiscard]] bool compared_since(const std::string& server, Time moment) const;
  // The servers whose latest attempt failed and another may do better, or was asked for; and those for which one was
  // asked for and has not failed.
  [[nodiscard]] std::set<std::string> broke_off() const;
  [[nodiscard]] std::set<std::string> asked() const;

  // ---- the stream of changes
  // Complete to that moment; one that is `live` no more has no word of it.
  void streamed(const std::string& server, bool live, const std::string& complete_to, const std::string& problem);

  // A receiver begins there, and is told of these removals, by root.
  struct Begun {
    replication::RemovedSoFar removed;
    std::uint64_t count = 0; // the one that it adds to
  };

  Begun stream_begins(const std::string& server);
  // What the receiver has removed. `stopped`: why the guard has ended the stream; "": it has not. Of no matter once a
  // person has allowed what that count says.
  void stream_removed(const std::string& server, std::uint64_t count, const std::map<std::string, std::uint64_t>& names,
                      const std::string& stopped);
  // Whether what the stream counts is of no use any more, since a person has allowed it; says so once.
  bool take_renewal(const std::string& server);

  // What a comparison is to know of.
  [[nodiscard]] replication::RemovedSoFar removed(const std::string& server) const;
  [[nodiscard]] std::map<std::string, Entry> entries() const;

  // How long the stream to that server has stood still, while nothing holds it; 0: it goes on, or there is none.
  [[nodiscard]] std::chrono::seconds stands_still(const std::string& server) const;

  // ---- one comparison at a time
  // Its turn, for as long as it lives.
  class Turn {
  public:
    Turn(std::unique_lock<std::mutex> work, std::atomic<bool>& taken) : work_(std::move(work)), taken_(&taken) {
      *taken_ = true;
    }

    Turn(Turn&& other) noexcept : work_(std::move(other.work_)), taken_(std::exchange(other.taken_, nullptr)) {}

    Turn& operator=(Turn&&) = delete;

    ~Turn() {
      if (taken_ != nullptr) *taken_ = false;
    }

  private:
    std::unique_lock<std::mutex> work_; // is let go after the rest
    std::atomic<bool>* taken_;
  };

  // Waits for the one that is under way.
  [[nodiscard]] Turn wait();

  // nullopt when a reconciliation is under way.
  [[nodiscard]] std::optional<Turn> begin();

  // What streams to that server is to wait while a comparison goes on, for as long as what it returns lives.
  std::function<Result<std::shared_ptr<void>>(const std::string& server)> hold_stream = {};
  // Whether one goes there.
  std::function<bool(const std::string& server)> is_streamed = {};
  // The stream to that server sends what differs: at once, when it goes on, and then it is there; or when it begins.
  enum class Sends { now, later };
  std::function<Result<Sends>(const std::string& server,
                              const std::vector<replication::Census::Difference>& differences, bool may_be_later)>
      send_by_stream = {};

private:
  // mutex_ is held:
  void save();
  void save_when_it_matters();

  mutable std::mutex mutex_;
  // ---- guarded by mutex_
  std::map<std::string, Entry> entries_;
  std::map<std::string, replication::Removals> removals_; // by server
  std::map<std::string, std::uint64_t> counts_;           // the same: how often they were begun anew
  std::uint64_t saved_ = 0;                               // the sum of what is kept
  std::set<std::string> asked_;
  std::set<std::string> renewals_;
  system::Files* files_ = nullptr; // null: nothing is kept
  system::Clock* clock_ = nullptr;
  std::string path_;
  // ----
  std::mutex working_; // held for the length of a reconciliation
  std::atomic<bool> compares_ = false;
};

} // namespace tandem::agent
