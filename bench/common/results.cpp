#include "common/results.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace tandem::bench {

namespace {

double at(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
}

} // namespace

double median(const Series& series) {
  return at(series.values, 0.5);
}

Result<void> write_results(const std::string& name, const std::vector<Series>& all) {
  auto results = nlohmann::json::array();
  for (const auto& series : all) {
    const auto& values = series.values;
    results.push_back({{"case", series.what},
                       {"system", series.system},
                       {"n", values.size()},
                       {"median", at(values, 0.5)},
                       {"min", at(values, 0)},
                       {"max", at(values, 1)},
                       {"p99", at(values, 0.99)},
                       {"unit", series.unit}});
    std::cout << fmt::format("{:<52} {:<30} {:8.2f} {} ({:.2f} to {:.2f}, {} times)\n", series.what, series.system,
                             median(series), series.unit, at(values, 0), at(values, 1), values.size());
  }
  const auto path = std::filesystem::path(TANDEM_SOURCE_DIR) / "build" / "bench" / fmt::format("{}.json", name);
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path);
  file << results.dump(2) << "\n";
  return file.flush() ? Result<void>() : failed(fmt::format("{} cannot be written", path.string()));
}

} // namespace tandem::bench
