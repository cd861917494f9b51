#include "config/units.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(Units, DurationsTakeTheirFiveUnits) {
  EXPECT_EQ(parse_duration("10s"), seconds(10));
  EXPECT_EQ(parse_duration("90m"), seconds(5400));
  EXPECT_EQ(parse_duration("1h"), hours(1));
  EXPECT_EQ(parse_duration("2d"), hours(48));
  EXPECT_EQ(parse_duration("1w"), hours(168));
  EXPECT_EQ(parse_duration("0s"), seconds(0));
}

TEST(Units, WhatIsNoDurationIsRefused) {
  for (const auto* text : {"", "10", "s", "10 s", " 10s", "10s ", "1h30m", "-1s", "+1s", "1.5h", "10S", "10ms", "10sec",
                           "99999999999999999999s", "9223372036854775807w", "11000w"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Units, SizesCountInPowersOf1024) {
  EXPECT_EQ(parse_size("256MB"), model::Bytes{256} << 20U);
  EXPECT_EQ(parse_size("8GB"), model::Bytes{8} << 30U);
  EXPECT_EQ(parse_size("1TB"), model::Bytes{1} << 40U);
  EXPECT_EQ(parse_size("64kB"), model::Bytes{65536});
  EXPECT_EQ(parse_size("64KB"), model::Bytes{65536});
  EXPECT_EQ(parse_size("10B"), model::Bytes{10});
}

TEST(Units, WhatIsNoSizeIsRefused) {
  for (const auto* text :
       {"", "8", "GB", "8 GB", "8G", "8gb", "8GiB", "-8GB", "1.5GB", "2000TB", "99999999999999999999B"})
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(Units, PercentagesArePartsOfOne) {
  EXPECT_DOUBLE_EQ(parse_percent("10%").value(), 0.1);
  EXPECT_DOUBLE_EQ(parse_percent("0%").value(), 0.0);
  EXPECT_DOUBLE_EQ(parse_percent("100%").value(), 1.0);
  EXPECT_DOUBLE_EQ(parse_percent("0.5%").value(), 0.005);
}

TEST(Units, WhatIsNoPercentageIsRefused) {
  for (const auto* text : {"", "%", "10", "0.1", "101%", "-1%", "10 %", "1e1%", "nan%", "inf%", ".5%", "5.%", "1.2.3%"})
    EXPECT_EQ(parse_percent(text), std::nullopt) << text;
}

TEST(Units, ShowingPicksTheLargestUnitWithoutARest) {
  EXPECT_EQ(show_duration(seconds(90)), "90s");
  EXPECT_EQ(show_duration(seconds(5400)), "90m");
  EXPECT_EQ(show_duration(hours(24 * 7)), "1w");
  EXPECT_EQ(show_duration(seconds(0)), "0s");
  EXPECT_EQ(show_size(model::Bytes{16} << 20U), "16MB");
  EXPECT_EQ(show_size(1536), "1536B");
  EXPECT_EQ(show_percent(0.1), "10%");
  EXPECT_EQ(show_percent(0.005), "0.5%");
}

TEST(Units, WhatIsShownIsReadBackAsTheSame) {
  for (const std::int64_t count : {1, 59, 60, 3600, 86399, 86400, 604800, 1209600, 31536000}) {
    EXPECT_EQ(parse_duration(show_duration(seconds(count))), seconds(count));
    EXPECT_EQ(parse_size(show_size(static_cast<model::Bytes>(count) << 10U)), static_cast<model::Bytes>(count) << 10U);
  }
}

} // namespace
} // namespace tandem::config
