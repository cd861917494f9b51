#include "world.hpp"

#include <gtest/gtest.h>

namespace tandem::replication {

TEST(Follow, WaitsAsLongAsItIsBusyWithWalOfItsOwn) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "in archive recovery", .standby = true};
  world.running = true;
  world.primary_answers = false;
  auto tools = world.tools();
  int left = 500; // steps, which together take longer than the limit
  tools.pause = [&, pause = tools.pause](std::chrono::milliseconds time) {
    if (--left > 0) world.received += 8;
    world.primary_answers = left <= 0;
    return pause(time);
  };
  const auto done = follow(tools, uno, timeline, limit, world.progress);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_GT(world.clock.now, limit);
}

// The receiver calls itself streaming before the primary has looked for the WAL.
TEST(Follow, BelievesNoReceiverThatStreamsForAMomentAtEachTry) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "in archive recovery", .standby = true};
  world.running = world.wal_gone = true;
  const auto done = follow(world.tools(), uno, timeline, limit, world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
}

TEST(Follow, TurnsAPrimaryThatWasStoppedInOrderIntoAStandby) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied};
  world.slots = {"tandem_uno"};
  world.running = true;
  const auto end = stop_clean(world.tools(), world.progress);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(to_wal_text(*end), "0/30000A0");
  const auto done = follow(world.tools(), uno, timeline, limit, world.progress);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(world.follows());
  EXPECT_TRUE(world.slots.empty()) << "they would hold back WAL for nobody";
}

TEST(Follow, RefusesAPrimaryThatWasNotStoppedInOrder) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied};
  world.power = 0;
  const auto done = follow(world.tools(), uno, timeline, limit, world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
  EXPECT_NE(done.error().hint.find("tandem database copy"), std::string::npos);
}

TEST(Follow, RefusesARunningPrimary) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied};
  world.running = true;
  world.power = 0;
  const auto done = follow(world.tools(), uno, timeline, limit, world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
}

TEST(Follow, CutOffAtAnyChangeIsFinishedByTheNextCall) {
  bool finished = false;
  for (int changes = 0; !finished; ++changes) {
    World world;
    world.clusters[World::data] = {.identifier = World::copied, .state = "shut down"};
    world.power = changes;
    try {
      finished = follow(world.tools(), uno, timeline, limit, world.progress).has_value();
    } catch (const PowerCut&) {
      world.boot();
      const auto again = follow(world.tools(), uno, timeline, limit, world.progress);
      ASSERT_TRUE(again) << "cut after " << changes << " changes: " << again.error().message;
    }
    EXPECT_TRUE(world.follows());
    ASSERT_LT(changes, 20);
  }
}

TEST(Follow, PointsARunningStandbyToANewPrimaryWithoutARestart) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "in archive recovery", .standby = true};
  world.texts[system::upstream_path(system::postgres_layout(15))] = system::upstream_text("duo", "10.0.0.9");
  world.running = true;
  ASSERT_TRUE(follow(world.tools(), uno, timeline, limit, world.progress));
  EXPECT_EQ(world.services.reloads, 1);
  ASSERT_TRUE(follow(world.tools(), uno, timeline, limit, world.progress));
  EXPECT_EQ(world.services.reloads, 1) << "nothing was left to do";
}

TEST(Follow, GivesUpAtItsLimitWithTheLastWords) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "shut down"};
  world.primary_answers = false;
  const auto done = follow(world.tools(), uno, timeline, limit, world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
  EXPECT_NE(done.error().message.find("the last word"), std::string::npos);
  EXPECT_GE(world.clock.now, limit);
}

TEST(Promote, WaitsUntilWritesAreTakenAndMakesSlots) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .standby = true};
  world.running = true;
  world.slow_promotion = 7;
  ASSERT_TRUE(promote(world.tools(), {"uno", "tre"}, limit, world.progress));
  EXPECT_FALSE(world.here().standby);
  EXPECT_EQ(world.slots, (std::set<std::string>{"tandem_uno", "tandem_tre"}));
  EXPECT_EQ(world.texts.at(system::upstream_path(system::postgres_layout(15))), system::no_upstream_text());
  world.said.clear();
  ASSERT_TRUE(promote(world.tools(), {"uno", "tre"}, limit, world.progress));
  EXPECT_TRUE(world.said.empty()) << "it was the primary already";
}

TEST(Promote, SaysWhenItTakesTooLong) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .standby = true};
  world.running = true;
  world.slow_promotion = 1'000'000;
  const auto done = promote(world.tools(), {"uno"}, limit, world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
}

TEST(StopClean, TellsOfAClusterThatCrashed) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "in production"};
  const auto end = stop_clean(world.tools(), world.progress);
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().message.find("\"in production\""), std::string::npos);
}

TEST(Promote, RefusesADatabaseThatIsHalfRewound) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "in archive recovery", .standby = true};
  world.running = true;
  world.texts[std::string(World::data) + ".tandem-rewinding"] = "";
  const auto done = promote(world.tools(), {"uno"}, limit, world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
  EXPECT_FALSE(world.promoting);
}

TEST(StartPrimary, RefusesAStandby) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .state = "shut down in recovery", .standby = true};
  world.power = 0;
  const auto done = start_primary(world.tools(), world.progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
}

TEST(WaitReceived, WaitsForTheLastByte) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .standby = true};
  world.running = true;
  world.sent = world.received + 1000;
  const auto reached = wait_received(world.tools(), world.sent, limit);
  ASSERT_TRUE(reached) << reached.error().message;
  EXPECT_EQ(*reached, world.sent);
  const auto too_far = wait_received(world.tools(), world.sent + 1, limit);
  ASSERT_FALSE(too_far);
  EXPECT_EQ(too_far.error().kind, ErrorKind::unavailable);
  EXPECT_NE(too_far.error().message.find("1 bytes"), std::string::npos) << too_far.error().message;
}

TEST(Standing, OfAServerThatDoesNotRunComesFromItsFiles) {
  World world;
  EXPECT_EQ(database_standing(world.tools())->state, DatabaseState::absent);
  world.clusters[World::data] = {.identifier = World::copied, .state = "shut down"};
  const auto standing = database_standing(world.tools());
  ASSERT_TRUE(standing) << standing.error().message;
  EXPECT_EQ(standing->state, DatabaseState::stopped);
  EXPECT_EQ(standing->system_identifier, World::copied);
  EXPECT_EQ(standing->position, 0x3000028U);
}

} // namespace tandem::replication
