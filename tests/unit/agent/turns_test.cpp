#include "agent/turns.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto* restart = "restart postgresql@15-main.service";

TEST(TurnsTest, OneServerAtATimeTheOtherWaits) {
  Turns turns;
  ASSERT_TRUE(turns.take(restart, "uno", 1s));
  ASSERT_TRUE(turns.take(restart, "uno", 1s)) << "twice is the same as once";
  EXPECT_EQ(turns.take(restart, "duo", 0s).error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(turns.take("reload nginx.service", "duo", 0s));
  std::jthread other([&] { turns.give_back(restart, "uno", true); });
  EXPECT_TRUE(turns.take(restart, "duo", 60s));
}

TEST(TurnsTest, WhatOneServerDidNotSurviveIsNotTriedOnTheNextBeforeANewApply) {
  Turns turns;
  ASSERT_TRUE(turns.take(restart, "duo", 1s));
  turns.give_back(restart, "duo", false);
  const auto refused = turns.take(restart, "uno", 1s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_TRUE(refused.error().message.contains("it failed on duo")) << refused.error().message;
  turns.begin();
  EXPECT_TRUE(turns.take(restart, "uno", 1s));
}

TEST(TurnsTest, WhatFailedInAnApplyMayBeRepairedByTheServerItself) {
  Turns turns;
  ASSERT_TRUE(turns.take(restart, "duo", 1s));
  turns.give_back(restart, "duo", false);
  EXPECT_FALSE(turns.take(restart, "duo", 0s));
  EXPECT_TRUE(turns.take(restart, "duo", 0s, TurnOf::repair));
  EXPECT_EQ(turns.take(restart, "uno", 0s, TurnOf::repair).error().kind, ErrorKind::unavailable)
      << "one at a time all the same";
}

TEST(TurnsTest, AServerThatIsGoneHoldsNothing) {
  Turns turns;
  ASSERT_TRUE(turns.take(restart, "duo", 1s));
  turns.forget("duo");
  EXPECT_TRUE(turns.take(restart, "uno", 0s));
}

} // namespace
} // namespace tandem::agent
