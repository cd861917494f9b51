#include "agent/times.hpp"

#include <fmt/chrono.h>

namespace tandem::agent {

std::string utc_text(std::chrono::sys_seconds moment) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(moment)));
}

std::string utc_text(system::Clock& clock, bool fine) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall_time().time_since_epoch());
  const std::time_t seconds = now.count() / 1000;
  const auto part = fine ? fmt::format(".{:03}", now.count() % 1000) : "";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}{} UTC", fmt::gmtime(seconds), part);
}

} // namespace tandem::agent
