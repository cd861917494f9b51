#include "replication/database/rewind.hpp"
#include "unit/replication/world.hpp"

#include <gmock/gmock.h>

namespace tandem::replication {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto* history = "1\t0/3084E28\tno recovery target specified\n\n2\t0/5000110\tno recovery target specified\n";

TEST(RewindWords, AHistoryTellsWhereEachTimelineWasLeft) {
  EXPECT_EQ(end_of_timeline(history, 1), 0x3084E28U);
  EXPECT_EQ(end_of_timeline(history, 2), 0x5000110U);
  EXPECT_EQ(end_of_timeline(history, 3), std::nullopt);
  EXPECT_EQ(end_of_timeline("", 1), std::nullopt);
  EXPECT_EQ(end_of_timeline("1\tnowhere\tat all\n", 1), std::nullopt);
}

TEST(RewindWords, TheSegmentsOfOneTimelineFromAPositionOn) {
  const std::vector<std::string> names{"000000010000000000000002", "000000010000000000000003",
                                       "000000010000000100000000", "000000020000000000000003",
                                       "00000002.history",         "archive_status"};
  constexpr std::uint64_t segment = 16U << 20U;
  EXPECT_THAT(segments_from(names, 1, 0x3084E28, segment),
              ElementsAre("000000010000000000000003", "000000010000000100000000"));
  EXPECT_THAT(segments_from(names, 1, 0x100000000, segment), ElementsAre("000000010000000100000000"));
  EXPECT_THAT(segments_from(names, 3, 0, segment), IsEmpty());
}

TEST(RewindWords, TheConfigurationIsNamedSinceDebianKeepsItElsewhere) {
  const auto arguments = rewind_arguments(system::postgres_layout(15), {"duo", "10.0.0.2"});
  EXPECT_EQ(arguments.front(), "/usr/lib/postgresql/15/bin/pg_rewind");
  EXPECT_EQ(arguments.back(), "--config-file=/etc/postgresql/15/main/postgresql.conf");
}

} // namespace
} // namespace tandem::replication
