// How many names one standby has lost from each replicated folder within the latest hour: to the stream of changes and
// to comparisons together, for the deletion guard is about both. Pure.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tandem::replication {

// What a comparison is to know of it.
struct RemovedSoFar {
  std::map<std::string, std::uint64_t> names = {}; // by root, within this hour already
  bool stopped = false;                            // nothing more is removed before somebody has looked
};

class Removals {
public:
  using Time = std::chrono::steady_clock::time_point;

  // A receiver begins, which is told of(): from now on it counts those, too.
  void stream_begins(Time now);
  void stream_says(const std::string& root, std::uint64_t count, Time now);
  // Those of the latest half hour: comparisons are an hour apart, as a rule, and each is about its own hour.
  void compared(const std::string& root, std::uint64_t deleted, std::uint64_t made, Time now);

  // The guard has stopped the stream. From then on the count does not end with its hour.
  void stop(std::string why) { stopped_ = std::move(why); }

  // A person has allowed them, or they are there again.
  void forget();

  [[nodiscard]] RemovedSoFar known(Time now) const;

  [[nodiscard]] std::uint64_t of(const std::string& root, Time now) const;

  // For after a restart: all that is of this hour, with its age; and so taken back.
  struct Kept {
    std::string root;
    std::uint64_t count = 0;
    std::chrono::seconds age{0};
  };

  [[nodiscard]] std::vector<Kept> keep(Time now) const;
  void take_back(const Kept& kept, Time now);

  // Why; empty when nothing is stopped.
  [[nodiscard]] const std::string& stopped() const { return stopped_; }

private:
  struct Count {
    std::uint64_t stream = 0;
    std::uint64_t compared = 0;
    std::uint64_t made = 0; // by comparisons
    Time since = {};
    Time compared_at = {};
  };

  Count& current(const std::string& root, Time now);
  [[nodiscard]] bool is_over(const Count& count, Time now) const;

  std::map<std::string, Count> counts_; // by root
  std::string stopped_;
};

} // namespace tandem::replication
