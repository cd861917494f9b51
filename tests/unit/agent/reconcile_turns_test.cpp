#include "agent/reconcile_turns.hpp"

#include <gtest/gtest.h>

namespace tandem::agent {
namespace {

using namespace std::chrono_literals;
using Servers = std::vector<std::string>;

struct ReconcileTurnsTest : ::testing::Test {
  ReconcileTurns::Time begin{};
  ReconcileTurns turns{begin};

  // After how many seconds each was taken, looked at once a second.
  std::vector<long> moments_of(const std::string& server, const std::set<std::string>& broken, long from, long to) {
    std::vector<long> moments;
    for (long second = from; second < to; ++second)
      for (const auto& name : turns.take(begin + std::chrono::seconds(second), 1h, {"duo", "tre"}, {.broken = broken}))
        if (name == server) moments.push_back(second);
    return moments;
  }
};

TEST_F(ReconcileTurnsTest, EachIsComparedAtTheInterval) {
  EXPECT_EQ(moments_of("duo", {}, 0, 7'300), (std::vector<long>{3'600, 7'200}));
}

TEST_F(ReconcileTurnsTest, AShorterIntervalHoldsAtOnce) {
  EXPECT_EQ(turns.take(begin + 90s, 1h, {"duo"}, {}), Servers{});
  EXPECT_EQ(turns.take(begin + 91s, 1min, {"duo"}, {}), Servers{"duo"});
  EXPECT_EQ(turns.take(begin + 92s, 1min, {"duo"}, {}), Servers{});
}

TEST_F(ReconcileTurnsTest, OneThatBrokeOffIsTriedAgainSoonAndEverLessOften) {
  EXPECT_EQ(moments_of("duo", {"duo"}, 0, 1'300), (std::vector<long>{20, 60, 140, 300, 620, 1'260}));
  EXPECT_EQ(moments_of("duo", {"duo"}, 1'300, 20'000), (std::vector<long>{2'540, 5'100, 8'700, 12'300, 15'900, 19'500}))
      << "never less often than the interval";
}

TEST_F(ReconcileTurnsTest, OneForWhichSomebodyWaitsHasItsTurnAtOnceUnlessItIsJustBack) {
  const ReconcileTurns::Wanted waited{.asked = {"duo"}};
  EXPECT_EQ(turns.take(begin + 1s, 1h, {"duo"}, waited), Servers{});
  EXPECT_EQ(turns.take(begin + 2s, 1h, {"duo"}, waited), Servers{"duo"});
  EXPECT_EQ(turns.take(begin + 3s, 1h, {"duo"}, waited), Servers{});
  EXPECT_EQ(turns.take(begin + 4s, 1h, {}, waited), Servers{});
  EXPECT_EQ(turns.take(begin + 10s, 1h, {"duo"}, waited), Servers{});
  EXPECT_EQ(turns.take(begin + 15s, 1h, {"duo"}, waited), Servers{"duo"});
}

TEST_F(ReconcileTurnsTest, TheOthersAreNotComparedForIt) {
  EXPECT_EQ(moments_of("tre", {"duo"}, 0, 3'700), std::vector<long>{3'600});
}

TEST_F(ReconcileTurnsTest, AfterASuccessThePauseIsShortAgain) {
  EXPECT_EQ(moments_of("duo", {"duo"}, 0, 150), (std::vector<long>{20, 60, 140}));
  EXPECT_EQ(moments_of("duo", {}, 150, 151), std::vector<long>{});
  EXPECT_EQ(moments_of("duo", {"duo"}, 151, 200), std::vector<long>{160});
}

TEST_F(ReconcileTurnsTest, OneThatWasAwayHasItsTurnSoonAfterItIsBack) {
  EXPECT_EQ(turns.take(begin + 10s, 1h, {"duo"}, {}), Servers{});
  EXPECT_EQ(turns.take(begin + 11s, 1h, {}, {}), Servers{});
  EXPECT_EQ(turns.take(begin + 20s, 1h, {"duo"}, {}), Servers{});
  EXPECT_EQ(turns.take(begin + 24s, 1h, {"duo"}, {}), Servers{});
  EXPECT_EQ(turns.take(begin + 25s, 1h, {"duo"}, {}), Servers{"duo"});
  EXPECT_EQ(turns.take(begin + 26s, 1h, {"duo"}, {}), Servers{});
  EXPECT_EQ(turns.take(begin + 25s + 1h, 1h, {"duo"}, {}), Servers{"duo"});
}

} // namespace
} // namespace tandem::agent
