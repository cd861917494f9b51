#include "lab/wait.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace tandem::lab {

namespace {

constexpr std::chrono::milliseconds as_asked = std::chrono::milliseconds::max();
std::atomic<std::chrono::milliseconds> longest = as_asked;

} // namespace

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::min(limit, longest.load());
  std::chrono::milliseconds pause(2);
  while (!condition()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
  return true;
}

void shorten_waits(std::chrono::milliseconds most) {
  longest = most;
}

void wait_as_long_as_asked() {
  longest = as_asked;
}

} // namespace tandem::lab
