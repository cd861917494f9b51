// When the gate closes for a switchover, and that visitors never wait for one that was given up.
#include "agent/calm_moment.hpp"

#include <gtest/gtest.h>

namespace tandem::agent {
namespace {

using std::chrono::milliseconds;

// A server whose requests come and go as the test says; time passes in what is asked.
struct Moments {
  milliseconds now{0};
  milliseconds settle_takes{100};
  std::vector<bool> calm; // the answers one after the other; then always calm
  std::vector<bool> slow; // whether a request turns out to be slow after each closing; then none
  Result<void> settled;   // what comes of the settling
  milliseconds given_up_at{1'000'000};
  std::vector<std::string> told;
  bool closed = false;

  CalmPorts ports() {
    return {.settle = [this](milliseconds limit) -> Result<void> {
              now += std::min(settle_takes, limit);
              if (settle_takes > limit) return failed("it took too long");
              return settled;
            },
            .is_calm = [this](milliseconds patience) -> Result<bool> {
              const bool yes = next(calm, true);
              now += yes ? std::min(patience, slow_request) : patience;
              return yes;
            },
            .drained = [this](milliseconds patience) -> Result<bool> {
              const bool is_slow = next(slow, false);
              now += is_slow ? patience : milliseconds(20);
              return !is_slow;
            },
            .close_gate = [this] { return turn(true); },
            .open_gate = [this] { return turn(false); },
            .left = [this] { return std::max(milliseconds(0), milliseconds(60'000) - now); },
            .ended = [this] { return now >= given_up_at; }};
  }

private:
  static bool next(std::vector<bool>& answers, bool otherwise) {
    if (answers.empty()) return otherwise;
    const bool first = answers.front();
    answers.erase(answers.begin());
    return first;
  }

  Result<void> turn(bool to_closed) {
    closed = to_closed;
    told.emplace_back(to_closed ? "closed" : "open");
    return {};
  }
};

using Told = std::vector<std::string>;

TEST(CalmMoment, TheGateClosesAtTheFirstOne) {
  Moments moments;
  moments.calm = {false, false, true};
  ASSERT_TRUE(close_in_calm(moments.ports()));
  EXPECT_EQ(moments.told, Told{"closed"});
}

TEST(CalmMoment, ARequestThatTurnsOutToBeSlowIsLetEndWithTheGateOpen) {
  Moments moments;
  moments.slow = {true, true};
  ASSERT_TRUE(close_in_calm(moments.ports()));
  EXPECT_EQ(moments.told, (Told{"closed", "open", "closed", "open", "closed"}));
}

TEST(CalmMoment, WithoutOneTheGateIsLeftOpenAfterAMinute) {
  Moments moments;
  moments.calm = std::vector<bool>(1000, false);
  ASSERT_TRUE(close_in_calm(moments.ports()));
  EXPECT_EQ(moments.told, Told{});
  EXPECT_GE(moments.now, milliseconds(60'000));
  EXPECT_LT(moments.now, milliseconds(75'000));
}

TEST(CalmMoment, AStandbyThatCannotSettleItsDiskIsNoneToGiveTheRoleTo) {
  Moments moments;
  moments.settled = failed("input/output error");
  const auto done = close_in_calm(moments.ports());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "input/output error");
  EXPECT_EQ(moments.told, Told{});
}

TEST(CalmMoment, ASettlingThatTookAllTheTimeClosesNoGate) {
  Moments moments;
  moments.settle_takes = milliseconds(60'000);
  ASSERT_TRUE(close_in_calm(moments.ports()));
  EXPECT_EQ(moments.told, Told{});
}

TEST(CalmMoment, GivenUpMeanwhileItClosesNoGate) {
  Moments moments;
  moments.settle_takes = milliseconds(5'000);
  moments.given_up_at = milliseconds(4'000);
  EXPECT_FALSE(close_in_calm(moments.ports()));
  EXPECT_EQ(moments.told, Told{});
}

} // namespace
} // namespace tandem::agent
