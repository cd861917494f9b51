// When the files of which standby are compared as a whole: each at the interval, and one whose comparison broke off
// sooner, but ever less often; one that was away soon after it has come back, and one for which somebody waits at once.
// Pure.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tandem::agent {

class ReconcileTurns {
public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // All count as compared at that moment.
  explicit ReconcileTurns(Time now) : since_(now) {}

  struct Wanted {
    std::set<std::string> broken = {}; // their latest comparison broke off, and may do better
    std::set<std::string> asked = {};  // it did not, and one is waited for
  };

  // The connected servers whose turn it is; they count as compared now.
  std::vector<std::string> take(Time now, Duration interval, const std::vector<std::string>& connected,
                                const Wanted& wanted);

private:
  struct Turn {
    Time at;
    Duration pause;                // until one that broke off is tried again
    std::optional<Time> back = {}; // when it came back, until it has had its turn for that
  };

  [[nodiscard]] static Duration pause_for(const Turn& turn, Duration interval, bool broke_off, bool asked);

  Time since_;
  std::map<std::string, Turn> turns_;
  std::optional<std::set<std::string>> present_; // at the latest look
};

} // namespace tandem::agent
