// Figures of a benchmark, as build/bench/NAME.json has them.
#pragma once
#include "base/result.hpp"

#include <string>
#include <vector>

namespace tandem::bench {

// What one system took for one piece of work, again and again.
struct Series {
  std::string what;
  std::string system;
  std::string unit;
  std::vector<double> values = {};
};

[[nodiscard]] double median(const Series& series);
// Writes the file, and prints a line a series: median, least and most.
Result<void> write_results(const std::string& name, const std::vector<Series>& all);

} // namespace tandem::bench
