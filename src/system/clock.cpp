#include "system/clock.hpp"

#include <ctime>

namespace tandem::system {

std::chrono::nanoseconds LinuxClock::boot_time() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::chrono::system_clock::time_point LinuxClock::wall_time() {
  return std::chrono::system_clock::now();
}

} // namespace tandem::system
