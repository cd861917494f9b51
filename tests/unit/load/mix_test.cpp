#include "bench/load/mix.hpp"

#include <gtest/gtest.h>

#include <map>

namespace tandem::load {
namespace {

using std::chrono::milliseconds;

std::map<Kind, int> counted(const Mix& mix, std::uint64_t from, std::uint64_t to) {
  std::map<Kind, int> counts;
  for (std::uint64_t i = from; i < to; ++i)
    ++counts[planned(mix, i).kind];
  return counts;
}

int writes(const std::map<Kind, int>& counts) {
  int sum = 0;
  for (auto [kind, count] : counts)
    sum += is_write(kind) ? count : 0;
  return sum;
}

TEST(Mix, RequestsAreDueAtEvenDistances) {
  Mix mix{.rate = 200};
  EXPECT_EQ(due(mix, 0).count(), 0);
  EXPECT_EQ(due(mix, 1), milliseconds(5));
  EXPECT_EQ(due(mix, 200 * 3600), std::chrono::hours(1));
}

TEST(Mix, AFifthOfAnyFiveRequestsInARowIsAWrite) {
  Mix mix;
  for (std::uint64_t i = 0; i < 1000; ++i)
    EXPECT_EQ(writes(counted(mix, i, i + 5)), 1) << "from " << i;
}

TEST(Mix, ExtremeSharesMeanNoneAndAll) {
  EXPECT_EQ(writes(counted({.writes = 0}, 0, 1000)), 0);
  EXPECT_EQ(writes(counted({.writes = 1}, 0, 1000)), 1000);
  auto orders_only = counted({.writes = 1, .photos = 0}, 0, 1000);
  EXPECT_EQ(orders_only[Kind::order], 1000);
}

TEST(Mix, SlowOnesComeAtTheirDistanceAndOnlyIfWanted) {
  Mix mix{.slow_photo_every = milliseconds(10'000), .slow_page_every = milliseconds(5'000)};
  auto counts = counted(mix, 0, 200 * 60); // a minute
  EXPECT_EQ(counts[Kind::slow_photo], 6);
  EXPECT_EQ(counts[Kind::slow_page], 12);
  EXPECT_EQ(writes(counts), 40 * 60);
  auto none = counted({}, 0, 12'000);
  EXPECT_EQ(none[Kind::slow_photo] + none[Kind::slow_page], 0);
}

TEST(Mix, SharesAreMetOverAMinute) {
  Mix mix{.pages = 0.5, .media = true, .http2 = 0.25, .fresh = 0.1};
  int http2 = 0;
  int fresh = 0;
  for (std::uint64_t i = 0; i < 12'000; ++i) {
    http2 += planned(mix, i).protocol == Protocol::http2;
    fresh += planned(mix, i).fresh;
  }
  EXPECT_NEAR(http2, 3000, 200);
  EXPECT_NEAR(fresh, 1200, 130);
  auto counts = counted(mix, 0, 12'000);
  EXPECT_NEAR(counts[Kind::photo], 240, 60);
  EXPECT_NEAR(counts[Kind::home] + counts[Kind::product], 4800, 250);
  EXPECT_NEAR(counts[Kind::media], 2400, 200);
}

TEST(Mix, TheSameSeedAsksTheSameAndAnotherSeedSomethingElse) {
  int different = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(planned({}, i).random, planned({}, i).random);
    different += planned({}, i).random != planned({.seed = 2}, i).random;
  }
  EXPECT_EQ(different, 100);
}

TEST(Mix, DurationsAreANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  for (auto bad : {"", "5", "s", "-5s", "5 s", "5d", "1.5s", "99999999999s"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

} // namespace
} // namespace tandem::load
