#include "planted/faults.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::planted {

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = [] {
    std::vector<Fault> faults;
    for (auto part : {faults_of_servers, faults_of_sites, faults_of_roles})
      std::ranges::move(part(), std::back_inserter(faults));
    return faults;
  }();
  return all;
}

bool shows(const Fault& fault, const std::string& failure) {
  return std::ranges::all_of(fault.seen, [&](const auto& text) { return failure.find(text) != std::string::npos; });
}

std::string objection(const Fault& fault, const Run& run) {
  if (run.tests != 1) return std::to_string(run.tests) + " tests are called " + fault.test;
  if (run.skipped) return "skipped: a skipped proof is none";
  if (run.failures.empty()) return "GREEN: the test does not see it";
  if (std::ranges::any_of(run.failures, [&](const auto& failure) { return shows(fault, failure); })) return {};
  return "red by something else:\n" + run.failures.front();
}

} // namespace tandem::planted
