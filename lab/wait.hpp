// Waiting for a condition, never for a fixed time.
#pragma once
#include <chrono>
#include <functional>

namespace tandem::lab {

// Asks again and again, every few milliseconds at first and every tenth of a second later on.
// False when the condition does not hold within the limit; it is asked at least once.
bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit);

} // namespace tandem::lab
