// The port to time. Durations and limits use boot time (it counts suspended time and never jumps);
// wall time is only for what a person reads.
#pragma once
#include <chrono>

namespace tandem::system {

class Clock {
public:
  virtual ~Clock() = default;
  virtual std::chrono::nanoseconds boot_time() = 0; // CLOCK_BOOTTIME
  virtual std::chrono::system_clock::time_point wall_time() = 0;
};

class LinuxClock final : public Clock {
public:
  std::chrono::nanoseconds boot_time() override;
  std::chrono::system_clock::time_point wall_time() override;
};

} // namespace tandem::system
