#include "world.hpp"

#include <gtest/gtest.h>

namespace tandem::replication {

namespace {

constexpr auto* other_identifier = "6000000000000000006";

// The data directories that a server may have when it is to become a standby.
struct Beginning {
  std::string name;
  std::optional<Cluster> cluster;
  bool running = false;
  bool worth_keeping = false;
};

std::vector<Beginning> beginnings() {
  return {
      {"nothing", std::nullopt},
      {"Debian's pristine cluster", Cluster{.identifier = other_identifier}, true},
      {"a cluster with somebody's data", Cluster{.identifier = other_identifier, .made = "a shop"}, true, true},
      {"a stopped cluster", Cluster{.identifier = other_identifier, .state = "shut down", .made = "a shop"}, false,
       true},
      {"a crashed primary of the same pair", Cluster{.identifier = World::copied, .made = "late orders"}, false, true},
      {"Debian's, that never ran", Cluster{.identifier = other_identifier, .state = "shut down"}}};
}

void begin(World& world, const Beginning& beginning) {
  if (beginning.cluster) world.clusters[World::data] = *beginning.cluster;
  world.running = beginning.running;
}

void expect_copied(World& world, const Beginning& beginning) {
  EXPECT_TRUE(world.follows()) << beginning.name;
  EXPECT_EQ(world.here().made, "the primary's") << beginning.name;
  bool found = false;
  for (const auto& folder : world.kept()) {
    EXPECT_TRUE(folder.starts_with(std::string(World::data) + ".before-")) << folder << " is left over";
    found = found || (beginning.cluster && world.clusters[folder].made == beginning.cluster->made &&
                      world.clusters[folder].identifier == beginning.cluster->identifier);
  }
  if (beginning.worth_keeping) {
    EXPECT_TRUE(found) << beginning.name << " is lost";
  }
}

} // namespace

TEST(FirstCopy, MakesAStandbyAndKeepsWhatWasThere) {
  for (const auto& beginning : beginnings()) {
    World world;
    begin(world, beginning);
    const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
    ASSERT_TRUE(done) << beginning.name << ": " << done.error().message;
    EXPECT_TRUE(done->copied);
    const auto kept = kept_data(world.files, world.tools().layout);
    ASSERT_TRUE(kept);
    std::vector<KeptData> expected;
    if (beginning.worth_keeping) expected = {{.path = std::string(World::data) + ".before-20261124T083000Z"}};
    EXPECT_EQ(*kept, expected) << beginning.name;
    expect_copied(world, beginning);
    EXPECT_EQ(world.kept().empty(), !beginning.worth_keeping) << beginning.name;
    EXPECT_TRUE(world.said_any("copied 20 of 40 MB (50 %)"));
  }
}

// It would hold the slot that the copy needs for as long as it runs.
TEST(FirstCopy, StandbyWhoseRewindWasCutOffIsStoppedBeforeItIsCopiedAnew) {
  World world;
  begin(world,
        {"half rewound", Cluster{.identifier = World::copied, .standby = true, .made = "late orders"}, true, true});
  world.texts[std::string(World::data) + ".tandem-rewinding"] = "";
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->copied);
  EXPECT_TRUE(world.follows());
  EXPECT_EQ(world.here().made, "the primary's");
  EXPECT_FALSE(world.texts.contains(std::string(World::data) + ".tandem-rewinding"));
}

TEST(FirstCopy, CutOffAtAnyChangeIsFinishedByTheNextCallAndLosesNothing) {
  for (const auto& beginning : beginnings()) {
    bool finished = false;
    for (int changes = 0; !finished; ++changes) {
      ASSERT_LT(changes, 100);
      World world;
      begin(world, beginning);
      world.power = changes;
      try {
        finished = first_copy(world.tools(), uno, world.progress, world.ask).has_value();
        ASSERT_TRUE(finished);
      } catch (const PowerCut&) {
        world.boot();
        const auto again = first_copy(world.tools(), uno, world.progress, world.ask);
        ASSERT_TRUE(again) << beginning.name << ", cut after " << changes << " changes: " << again.error().message;
      }
      expect_copied(world, beginning);
    }
  }
}

TEST(FirstCopy, DoesNothingForAStandbyThatFollows) {
  World world;
  ASSERT_TRUE(first_copy(world.tools(), uno, world.progress, world.ask));
  world.power = 0;
  const auto again = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->copied);
}

TEST(FirstCopy, OnlyStartsAStandbyThatWasStopped) {
  World world;
  world.clusters[World::data] = {
      .identifier = World::copied, .state = "shut down in recovery", .standby = true, .made = "old"};
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(done->copied);
  EXPECT_EQ(world.here().made, "old");
  EXPECT_TRUE(world.follows());
}

TEST(FirstCopy, CopiesAnewWhenThePrimaryNoLongerHasTheWal) {
  World world;
  world.clusters[World::data] = {
      .identifier = World::copied, .state = "shut down in recovery", .standby = true, .made = "old"};
  world.wal_gone = true;
  world.past.oldest = 0x5000000;
  const auto refused = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_FALSE(refused) << "the fake primary has thrown its WAL away for good";
  EXPECT_TRUE(world.said_any("copied anew"));
  EXPECT_EQ(world.clusters.at(std::string(World::data) + ".before-20261124T083000Z").made, "old");
  EXPECT_EQ(world.here().made, "the primary's");
}

// A time that is over proves nothing: copies are made for reasons, or because somebody asks for one.
TEST(FirstCopy, LeavesAStandbyThatIsOnlyLateAsItIs) {
  World world;
  const Cluster late{.identifier = World::copied, .state = "in archive recovery", .standby = true, .made = "old"};
  world.clusters[World::data] = late;
  world.running = world.deaf = true;
  world.past.oldest = 0x3000000;
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(world.running);
  EXPECT_EQ(world.here().made, "old");
  EXPECT_TRUE(world.kept().empty());
  const auto asked = first_copy(world.tools(), uno, world.progress, world.ask, Copies::also_when_late);
  EXPECT_FALSE(asked) << "it stays deaf";
  EXPECT_EQ(world.here().made, "the primary's");
  EXPECT_EQ(world.kept().size(), 1U);
}

TEST(FirstCopy, EndsItsWaitingWhereTheDatabaseIsNeededAndBeginsNothing) {
  World world;
  world.clusters[World::data] = {
      .identifier = World::copied, .state = "in archive recovery", .standby = true, .made = "old"};
  world.running = world.wal_gone = true;
  world.past.oldest = 0x5000000;
  auto tools = world.tools();
  tools.pause = [](std::chrono::milliseconds /*time*/) { return false; };
  world.power = 0; // not one change
  world.texts[system::upstream_path(tools.layout)] = system::upstream_text("duo", "10.0.0.1");
  const auto done = first_copy(tools, uno, world.progress, world.ask);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << done.error().message;
}

// What keeps it down is hardly its data, and each copy would keep the one before it.
TEST(FirstCopy, AStandbyThatDoesNotStartIsNotCopiedAnewByItself) {
  World world;
  world.will_not_start = true;
  ASSERT_FALSE(first_copy(world.tools(), uno, world.progress, world.ask));
  world.processes.ran.clear();
  const auto again = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("on duo does not start as a standby"), std::string::npos)
      << again.error().message;
  EXPECT_TRUE(world.kept().empty());
  const auto asked = first_copy(world.tools(), uno, world.progress, world.ask, Copies::also_when_late);
  EXPECT_FALSE(asked);
  EXPECT_EQ(world.kept().size(), 1U) << "a person asks for a copy";
  world.will_not_start = false;
  const auto mended = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_TRUE(mended) << mended.error().message;
  EXPECT_FALSE(mended->copied);
}

// A disk that lost what it had confirmed: the primary would stream other WAL over the standby's own.
TEST(FirstCopy, AStandbyThatHasMoreThanItsPrimaryIsCopiedAndItsOwnIsKept) {
  World world;
  world.clusters[World::data] = {
      .identifier = World::copied, .state = "in archive recovery", .standby = true, .made = "more"};
  world.running = true;
  world.received = world.sent = 0x3000068;                                     // the primary has it up to 0x3000060
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask); // it streams, and so has the slot
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(world.here().made, "the primary's");
  ASSERT_EQ(world.kept().size(), 1U);
  EXPECT_EQ(world.clusters.at(world.kept().front()).made, "more");
}

// It has not begun: the data directory is whole, and may be the only one left.
TEST(FirstCopy, ARewindThatIsRefusedLeavesADatabaseThatCanTakeOver) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .made = "late orders"};
  world.ask = [](bool) -> Result<UpstreamPast> { return fail(ErrorKind::unavailable, "the primary has gone"); };
  ASSERT_FALSE(first_copy(world.tools(), uno, world.progress, world.ask));
  EXPECT_TRUE(check_whole(world.tools()));
  EXPECT_EQ(world.here().made, "late orders");
}

// It streams the timeline before for a moment, up to the fork: that is not following.
TEST(FirstCopy, RewindsAStandbyThatStreamsOnlyUpToTheFork) {
  for (const bool running : {false, true}) {
    World world;
    world.clusters[World::data] = {
        .identifier = World::copied, .state = "shut down in recovery", .standby = true, .made = "late orders"};
    world.running = running;
    world.diverged = true;
    world.texts[std::string(World::data) + "/pg_wal/000000010000000000000003"] = "";
    world.received = 0x3000200;
    world.past.history = "1\t0/3000100\tno recovery target\n";
    const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(done->rewound);
    EXPECT_TRUE(world.follows());
    EXPECT_EQ(world.here().made, "the primary's");
    const auto kept = kept_data(world.files, world.tools().layout);
    ASSERT_TRUE(kept);
    EXPECT_EQ(*kept, (std::vector<KeptData>{{std::string(World::data) + ".diverged-00000001-0-3000100", true}}));
  }
}

TEST(FirstCopy, TouchesNothingWhenThePrimaryDoesNotAnswer) {
  World world;
  begin(world, beginnings()[2]);
  world.primary_answers = false;
  world.power = 0;
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(world.running);
}

TEST(FirstCopy, WaitsForItsSlotAfterAPowerCut) {
  World world;
  world.slot_taken = 20;
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(world.follows());
  World hopeless;
  hopeless.slot_taken = 1'000'000;
  const auto never = first_copy(hopeless.tools(), uno, hopeless.progress, hopeless.ask);
  ASSERT_FALSE(never);
  EXPECT_GE(hopeless.clock.now, std::chrono::seconds(90));
}

TEST(FirstCopy, RefusesAPrimaryOfTheSameCluster) {
  World world;
  world.clusters[World::data] = {.identifier = World::copied, .made = "orders of this server alone"};
  world.running = true;
  world.power = 0;
  const auto done = first_copy(world.tools(), uno, world.progress, world.ask);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
  EXPECT_TRUE(world.running);
}

} // namespace tandem::replication
