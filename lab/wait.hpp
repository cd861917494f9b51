// Waiting for a condition, never for a fixed time.
#pragma once
#include <chrono>
#include <functional>

namespace tandem::lab {

// Asks again and again, every few milliseconds at first and every tenth of a second later on.
// False when the condition does not hold within the limit; it is asked at least once.
bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit);

// From now on no wait takes longer than this, whatever its limit: for tests that are to fail, and soon.
void shorten_waits(std::chrono::milliseconds most);
// As at first.
void wait_as_long_as_asked();

} // namespace tandem::lab
