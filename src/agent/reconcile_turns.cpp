#include "agent/reconcile_turns.hpp"

#include <algorithm>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds first_pause{20};

} // namespace

std::vector<std::string> ReconcileTurns::take(Time now, Duration interval, const std::vector<std::string>& connected,
                                              const std::set<std::string>& broken) {
  std::vector<std::string> due;
  for (const auto& server : connected) {
    auto& turn = turns_.try_emplace(server, Turn{since_, first_pause}).first->second;
    const bool again = broken.contains(server);
    if (!again) turn.pause = first_pause;
    if (now - turn.at < (again ? std::min(turn.pause, interval) : interval)) continue;
    turn.at = now;
    if (again) turn.pause = std::min(turn.pause * 2, std::max<Duration>(interval, first_pause));
    due.push_back(server);
  }
  return due;
}

} // namespace tandem::agent
