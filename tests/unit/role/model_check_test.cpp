// The checked model of the grant protocol, over the real functions: no reachable state has two servers that
// serve, and leaving out any one of the rules gives one that does.
#include "base/text.hpp"
#include "explorer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tandem::role::testing {
namespace {

std::string told(const Findings& findings) {
  return fmt::format("{} states\n{}", findings.states, join(findings.violation, "\n"));
}

void expect_safe(const Bounds& bounds) {
  const auto findings = Explorer(bounds, {}).run();
  EXPECT_TRUE(findings.violation.empty()) << told(findings);
  EXPECT_TRUE(findings.wrong.empty()) << join(findings.wrong, "\n");
  EXPECT_GT(findings.states, 10'000U);
  std::cout << findings.states << " states" << (findings.complete ? ", all of them\n" : "\n");
}

void expect_unsafe(const Bounds& bounds, const Policy& policy) {
  const auto findings = Explorer(bounds, policy).run();
  EXPECT_FALSE(findings.violation.empty()) << told(findings);
  std::cout << told(findings) << "\n";
}

TEST(ModelCheck, OfTwoServersFindsNoStateInWhichBothServe) {
  expect_safe({.servers = 2, .highest_epoch = 3, .crashes = 2, .commands = 2, .messages = 3, .states = 400'000});
}

TEST(ModelCheck, OfThreeServersFindsNoStateInWhichTwoServe) {
  expect_safe({.servers = 3, .highest_epoch = 3, .crashes = 2, .commands = 2, .messages = 4, .states = 400'000});
}

TEST(ModelCheck, FindsThatARefusalMustBind) {
  expect_unsafe({.crashes = 2}, {.refusals_bind = false});
}

TEST(ModelCheck, FindsThatAnAnswerToAnEarlierBootMustNotCount) {
  expect_unsafe({.crashes = 2}, {.answers_name_boot = false});
}

TEST(ModelCheck, FindsThatAGrantOfAnEarlierSessionMustNotCount) {
  expect_unsafe({.crashes = 2}, {.sessions_bind = false});
}

TEST(ModelCheck, FindsThatOneUnsettledAnswerAmongThreeServersIsNotEnough) {
  expect_unsafe({.servers = 3, .crashes = 1, .messages = 2}, {.all_must_answer = false});
}

TEST(ModelCheck, FindsThatAPromiseMustEndTheVouchingForOthers) {
  expect_unsafe({.servers = 3, .crashes = 1, .messages = 2}, {.promises_bind = false});
}

} // namespace
} // namespace tandem::role::testing
