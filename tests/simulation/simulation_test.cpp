#include "simulation/scenario.hpp"

#include <gtest/gtest.h>

namespace tandem::testing {
namespace {

constexpr std::uint64_t seeds = 800;

// A violated seed among `count` from `first` on, which is near one, to be quick; one without a violation when there is
// none.
Report first_violation(Options options, std::uint64_t first, std::uint64_t count) {
  Report report;
  for (options.seed = first; options.seed < first + count; ++options.seed) {
    report = simulate(options);
    if (!report.violation.empty()) break;
  }
  return report;
}

TEST(Simulation, OfSomeThousandLivesNoneIsViolated) {
  int granted = 0;
  int failovers = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto report = simulate({.seed = seed});
    ASSERT_TRUE(report.violation.empty()) << told(report);
    granted += report.granted;
    failovers += report.failovers;
  }
  EXPECT_GT(granted, static_cast<int>(seeds / 4)) << "too few switchovers came to their grant";
  EXPECT_GT(failovers, static_cast<int>(seeds / 20)) << "too few failovers took place";
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  const auto one = simulate({.seed = 7, .record = true});
  const auto two = simulate({.seed = 7, .record = true});
  EXPECT_FALSE(one.history.empty());
  EXPECT_EQ(one.history, two.history);
}

TEST(Simulation, FindsAStateFileThatIsNotSynced) {
  const auto report = first_violation({.forgetful_disks = true}, 1, seeds);
  EXPECT_FALSE(report.violation.empty());
}

TEST(Simulation, FindsARowThatAFailoverLosesAndDidNotAnnounce) {
  const auto report = first_violation({.drop_rows = true}, 1, seeds);
  EXPECT_FALSE(report.violation.empty());
}

TEST(Simulation, FindsAFileThatASwitchoverLeavesBehind) {
  const auto report = first_violation({.keep_last_files = true}, 1, seeds);
  EXPECT_FALSE(report.violation.empty());
}

TEST(Simulation, FindsFilesThatAFormerPrimaryStillSends) {
  const auto report = first_violation({.accept_all_files = true}, 1, seeds);
  EXPECT_FALSE(report.violation.empty());
}

TEST(Simulation, FindsAnswersToAnEarlierBootThatCount) {
  const auto report = first_violation({.policy = {.answers_name_boot = false}}, 6990, seeds);
  EXPECT_FALSE(report.violation.empty());
}

TEST(Simulation, FindsAStartThatDoesNotWaitForAllServers) {
  const auto report = first_violation({.policy = {.all_must_answer = false}}, 2150, seeds);
  EXPECT_FALSE(report.violation.empty());
}

} // namespace
} // namespace tandem::testing
