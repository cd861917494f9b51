// One seed: a random life of a pair, which must hold what must always hold and end well.
#pragma once
#include "simulation/world.hpp"

namespace tandem::testing {

struct Report {
  std::uint64_t seed = 0;
  std::string violation;            // empty: none
  std::vector<std::string> history; // of a seed that was recorded
  int failovers = 0;
  int granted = 0;
};

// Two or three servers, by the seed. A violated seed is run again with its history recorded.
[[nodiscard]] Report simulate(const Options& options);
[[nodiscard]] std::string told(const Report& report);

} // namespace tandem::testing
