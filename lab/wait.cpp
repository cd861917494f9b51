#include "lab/wait.hpp"

#include <algorithm>
#include <thread>

namespace tandem::lab {

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + limit;
  std::chrono::milliseconds pause(2);
  while (!condition()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
  return true;
}

} // namespace tandem::lab
