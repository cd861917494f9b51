// What the sending end of a file stream keeps within. Tests make it narrow, so that few files reach it.
#pragma once
#include <chrono>
#include <cstddef>

namespace tandem::replication {

struct StreamBounds {
  std::size_t most_waiting =
      80'000; // places that changed, 400 bytes each: beyond that the folders themselves say what has
  std::size_t most_listed = 20'000; // entries of listings at the other end: what it wants of them may be much
  std::size_t most_in_flight = std::size_t{4} << 20U; // bytes of large files that the other end has not written yet
  // Until a large file that was refused is sent again: as much as there was room for is sent each time.
  std::chrono::milliseconds large_again{30'000};
  bool each_folder = false; // is watched by itself, also where one watch would do for all
};

} // namespace tandem::replication
