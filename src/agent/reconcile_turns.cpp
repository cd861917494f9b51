#include "agent/reconcile_turns.hpp"

#include <algorithm>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds first_pause{20};
constexpr std::chrono::seconds after_return{5}; // its own start is not over at once
constexpr std::chrono::seconds when_asked{2};

} // namespace

ReconcileTurns::Duration ReconcileTurns::pause_for(const Turn& turn, Duration interval, bool broke_off, bool asked) {
  if (broke_off) return std::min(turn.pause, interval);
  return asked ? std::min<Duration>(when_asked, interval) : interval;
}

std::vector<std::string> ReconcileTurns::take(Time now, Duration interval, const std::vector<std::string>& connected,
                                              const Wanted& wanted) {
  std::vector<std::string> due;
  for (const auto& server : connected) {
    auto& turn = turns_.try_emplace(server, Turn{since_, first_pause}).first->second;
    if (present_ && !present_->contains(server)) turn.back = now;
    const bool broke_off = wanted.broken.contains(server);
    if (!broke_off) turn.pause = first_pause;
    const auto pause = pause_for(turn, interval, broke_off, wanted.asked.contains(server));
    if (turn.back ? now - *turn.back < after_return : now - turn.at < pause) continue;
    turn.at = now;
    turn.back.reset();
    if (broke_off) turn.pause = std::min(turn.pause * 2, std::max<Duration>(interval, first_pause));
    due.push_back(server);
  }
  present_.emplace(connected.begin(), connected.end());
  return due;
}

} // namespace tandem::agent
