// tandem-simulate --seeds N --first S [--show] [--plant FAULT]: random lives of pairs over the real role protocol,
// decide(), runbook engine, journal and state file, in virtual time.
#include "base/text.hpp"
#include "simulation/scenario.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace {

// Faults that the simulation must find.
bool plant(std::string_view fault, tandem::testing::Options& options) {
  if (fault == "unsynced")
    options.forgetful_disks = true;
  else if (fault == "rows")
    options.drop_rows = true;
  else if (fault == "files")
    options.keep_last_files = true;
  else if (fault == "streams")
    options.accept_all_files = true;
  else if (fault == "answers")
    options.policy.answers_name_boot = false;
  else if (fault == "start")
    options.policy.all_must_answer = false;
  else
    return false;
  return true;
}

} // namespace

int main(int argc, char** argv) {
  using namespace tandem;
  std::uint64_t seeds = 1000;
  std::uint64_t first = 1;
  bool show = false;
  testing::Options planted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = i + 1 < argc ? to_number(argv[i + 1]) : std::nullopt;
    if (word == "--plant" && i + 1 < argc && plant(argv[i + 1], planted))
      ++i;
    else if (word == "--show")
      show = true;
    else if (word == "--seeds" && number)
      seeds = static_cast<std::uint64_t>(*number), ++i;
    else if (word == "--first" && number)
      first = static_cast<std::uint64_t>(*number), ++i;
    else {
      fmt::print(stderr, "usage: tandem-simulate [--seeds N] [--first S] [--show] [--plant "
                         "unsynced|rows|files|streams|answers|start]\n");
      return 2;
    }
  }
  const auto began = std::chrono::steady_clock::now();
  long granted = 0;
  long failovers = 0;
  for (auto seed = first; seed < first + seeds; ++seed) {
    auto options = planted;
    options.seed = seed;
    options.record = show;
    const auto report = testing::simulate(options);
    granted += report.granted;
    failovers += report.failovers;
    if (show) fmt::print("{}\n", join(report.history, "\n"));
    if (report.violation.empty()) continue;
    fmt::print("{}\n", testing::told(report));
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print(
      "{} seeds from {}: no violation; {} switchovers and {} failovers in {:.1f} s, {:.0f} role changes a minute\n",
      seeds, first, granted, failovers, took.count(), 60 * static_cast<double>(granted + failovers) / took.count());
  return 0;
}
