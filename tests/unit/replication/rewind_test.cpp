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

TEST(RewindWords, TheOldestSegmentOfWhateverTimeline) {
  const std::vector<std::string> names{"000000010000000100000002", "000000020000000100000001", "00000002.history",
                                       "archive_status", "000000020000000100000001.partial"};
  constexpr std::uint64_t segment = 16U << 20U;
  EXPECT_EQ(oldest_segment(names, segment), 0x101000000U);
  EXPECT_EQ(oldest_segment({"archive_status"}, segment), 0U);
}

TEST(WayBackOfAStandby, FollowsFromTheFactsAlone) {
  constexpr std::uint64_t segment = 16U << 20U;
  const auto way = [&](std::uint32_t own, WalPosition position, WalPosition oldest) {
    return way_back({.timeline = own, .position = position, .segment_size = segment}, 3,
                    {.history = history, .oldest = oldest});
  };
  EXPECT_EQ(way(3, 0x6000000, 0x5000000), WayBack::wait);
  EXPECT_EQ(way(2, 0x5000110, 0x5000000), WayBack::wait) << "it is the beginning of the primary's";
  EXPECT_EQ(way(2, 0x5000118, 0x5000000), WayBack::rewind);
  EXPECT_EQ(way(2, 0x5000118, 0x9000000), WayBack::rewind) << "pg_rewind says itself what it lacks";
  EXPECT_EQ(way(1, 0x3084E28, 0x3000000), WayBack::wait);
  EXPECT_EQ(way(1, 0x3084E28, 0x4000000), WayBack::copy) << "that WAL is gone";
  EXPECT_EQ(way(3, 0x5FFFFFF, 0x6000000), WayBack::copy);
  EXPECT_EQ(way(3, 0x6000001, 0x6000000), WayBack::wait) << "it asks from the beginning of its segment";
  EXPECT_EQ(way(4, 0x6000000, 0), WayBack::copy) << "the primary never had that timeline";
  EXPECT_EQ(way(3, 0x6000000, 0), WayBack::wait) << "an agent of an older version does not tell";
  EXPECT_EQ(way_back({.timeline = 2, .position = 0x9000000, .segment_size = segment}, 3, {}), WayBack::wait)
      << "as above";
}

TEST(WayBackOfAStandby, TwoTimelinesOfOneNumberAreTwo) {
  const OwnWal own{.timeline = 3, .position = 0x6000000, .segment_size = 16U << 20U, .history = "2\t0/5000000\tx\n"};
  EXPECT_EQ(way_back(own, 3, {.history = history}), WayBack::copy);
  EXPECT_EQ(way_back(own, 3, {.history = own.history}), WayBack::wait);
  EXPECT_EQ(way_back({.timeline = 3, .position = own.position}, 3, {.history = history}), WayBack::wait)
      << "it has not fetched the file yet";
}

TEST(WayBackOfAStandby, ItsTimelineIsThatOfItsLatestSegment) {
  const std::vector<std::string> names{"000000010000000000000005", "000000020000000000000005",
                                       "000000010000000000000006", "00000002.history"};
  constexpr std::uint64_t segment = 16U << 20U;
  EXPECT_EQ(timeline_at(names, 0x5000110, segment), 2U);
  EXPECT_EQ(timeline_at(names, 0x6000000, segment), 2U) << "it ends there";
  EXPECT_EQ(timeline_at(names, 0x6000001, segment), 1U);
  EXPECT_EQ(timeline_at(names, 0x8000000, segment), 0U);
}

TEST(RewindWords, TheConfigurationIsNamedSinceDebianKeepsItElsewhere) {
  const auto arguments = rewind_arguments(system::postgres_layout(15), {"duo", "10.0.0.2"});
  EXPECT_EQ(arguments.front(), "/usr/lib/postgresql/15/bin/pg_rewind");
  EXPECT_EQ(arguments.back(), "--config-file=/etc/postgresql/15/main/postgresql.conf");
}

TEST(Rewind, AServerThatDiedIsNotTakenForOneAtWorkByItsNumber) {
  World world;
  const auto path = std::string(World::data) + "/postmaster.pid";
  const auto stays = [&](const std::string& program, const std::string& number = "99") {
    world.texts[path] = number + "\n/var/lib/postgresql/15/main\n";
    world.texts["/proc/99"] = "";
    world.texts["/proc/99/comm"] = program;
    if (program.empty()) {
      world.texts.erase("/proc/99");
      world.texts.erase("/proc/99/comm");
    }
    EXPECT_TRUE(forget_dead_postmaster(world.tools()));
    return world.texts.contains(path);
  };
  EXPECT_TRUE(stays("postgres\n"));
  EXPECT_TRUE(stays("postgres\n", "-99")) << "for a single user";
  EXPECT_TRUE(stays("", "no number")) << "PostgreSQL says what it thinks of that";
  EXPECT_FALSE(stays("pg_rewind\n"));
  EXPECT_FALSE(stays(""));
  EXPECT_TRUE(forget_dead_postmaster(world.tools())) << "there is none";
}

} // namespace
} // namespace tandem::replication
