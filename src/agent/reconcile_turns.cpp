#include "agent/reconcile_turns.hpp"

#include <algorithm>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds first_pause{20};
constexpr std::chrono::seconds after_return{5}; // its own start is not over at once

} // namespace

bool ReconcileTurns::is_due(Turn& turn, Time now, Duration interval, bool broke_off) const {
  if (turn.back) return now - *turn.back >= after_return;
  return now - turn.at >= (broke_off ? std::min(turn.pause, interval) : interval);
}

std::vector<std::string> ReconcileTurns::take(Time now, Duration interval, const std::vector<std::string>& connected,
                                              const std::set<std::string>& broken) {
  std::vector<std::string> due;
  for (const auto& server : connected) {
    auto& turn = turns_.try_emplace(server, Turn{since_, first_pause}).first->second;
    if (present_ && !present_->contains(server)) turn.back = now;
    const bool broke_off = broken.contains(server);
    if (!broke_off) turn.pause = first_pause;
    if (!is_due(turn, now, interval, broke_off)) continue;
    turn.at = now;
    turn.back.reset();
    if (broke_off) turn.pause = std::min(turn.pause * 2, std::max<Duration>(interval, first_pause));
    due.push_back(server);
  }
  present_.emplace(connected.begin(), connected.end());
  return due;
}

} // namespace tandem::agent
