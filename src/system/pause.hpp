// Waiting a moment on a worker thread, for work that asks again and again.
#pragma once
#include <chrono>

namespace tandem::system {

void pause_thread(std::chrono::milliseconds time);

} // namespace tandem::system
