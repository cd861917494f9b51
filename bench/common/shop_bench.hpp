// Two lab servers with the shop on them, for a benchmark.
#pragma once
#include "common/results.hpp"
#include "lab/shop_pair.hpp"
#include "lab/visitors.hpp"

#include <chrono>

namespace tandem::bench {

inline constexpr auto* lab_name = "bench";

void say(const std::string& line); // an indented line

class Stopwatch {
public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }

private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

[[nodiscard]] lab::ShopPair shop_pair(lab::Lab& lab);
// tandem installed on both, joined, applied.
Result<void> set_up_pair(lab::ShopPair& pair, const std::string& toml);
// And the shop deployed.
Result<void> set_up_shop(lab::ShopPair& pair, const std::string& toml = lab::shop_toml());
// Boots a fresh lab for the work and takes it down after it; left up when the work fails. The exit status.
int run_benchmark(const std::string& title, Result<void> (*work)(lab::Lab& lab));

} // namespace tandem::bench
