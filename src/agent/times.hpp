// Moments as a person reads them.
#pragma once
#include "system/clock.hpp"

#include <string>

namespace tandem::agent {

// "2026-11-24 12:30:05 UTC"
[[nodiscard]] std::string utc_text(system::Clock& clock);

} // namespace tandem::agent
