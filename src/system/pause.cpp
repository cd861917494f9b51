#include "system/pause.hpp"

#include <thread>

namespace tandem::system {

void pause_thread(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

} // namespace tandem::system
