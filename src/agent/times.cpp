#include "agent/times.hpp"

#include <fmt/chrono.h>

namespace tandem::agent {

std::string utc_text(system::Clock& clock) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(clock.wall_time())));
}

} // namespace tandem::agent
