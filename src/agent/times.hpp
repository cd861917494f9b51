// Moments as a person reads them.
#pragma once
#include "system/clock.hpp"

#include <string>

namespace tandem::agent {

// "2026-11-24 12:30:05 UTC", with `fine` "2026-11-24 12:30:05.123 UTC"
[[nodiscard]] std::string utc_text(std::chrono::sys_seconds moment);
[[nodiscard]] std::string utc_text(system::Clock& clock, bool fine = false);

} // namespace tandem::agent
