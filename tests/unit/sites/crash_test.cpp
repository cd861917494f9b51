// A deploy cut off before each of its changes, by the death of the agent or of the whole server.
#include "world.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

namespace {

enum class Crash { agent, server };

const auto quiet = [](const std::string&) {};

// Deploys with the power cut after so many changes; false once it ran to its end.
bool deploy_cut_off(World& world, int changes) {
  world.power.cut_after(changes);
  try {
    const auto done = world.deploy();
    world.power.restore();
    EXPECT_TRUE(done) << done.error().message;
    return false;
  } catch (const PowerCut&) {
    world.power.restore();
    return true;
  }
}

void recover(World& world, Crash crash) {
  if (crash == Crash::server) world.reboot();
  Serving serving(world.tools());
  const auto served = serving.serve_current(world.site, quiet);
  ASSERT_TRUE(served) << served.error().message;
}

void expect_tidy(World& world) {
  Shelf shelf(world.tools());
  const auto holdings = shelf.look(world.site.domain);
  ASSERT_TRUE(holdings) << holdings.error().message;
  EXPECT_THAT(holdings->unfinished, ::testing::IsEmpty());
  EXPECT_FALSE(world.files.has(Layout{}.building(world.site.domain)));
  EXPECT_THAT(world.services.active, ::testing::SizeIs(1));
  EXPECT_EQ(world.files.nodes.at(Layout{}.shared(world.site.domain, "media")).mode, 02750U);
}

class Cut : public ::testing::TestWithParam<Crash> {};

} // namespace

TEST_P(Cut, AnywhereInADeployVisitorsKeepASiteAndTheNextDeployWorks) {
  int changes = 0;
  for (bool cut = true; cut; ++changes) {
    SCOPED_TRACE(fmt::format("cut after {} changes", changes));
    World world;
    const auto old = world.push('a');
    ASSERT_TRUE(world.deploy());
    const auto next = world.push('b', {.files = {{"requirements.txt", "other"}}});
    cut = deploy_cut_off(world, changes);
    if (cut && GetParam() == Crash::agent) {
      EXPECT_THAT(world.visitor_sees(), ::testing::AnyOf(old, next));
    }
    ASSERT_NO_FATAL_FAILURE(recover(world, GetParam()));
    EXPECT_THAT(world.visitor_sees(), ::testing::AnyOf(old, next));
    EXPECT_THAT(world.services.active, ::testing::SizeIs(1));
    const auto last = world.push('c');
    const auto done = world.deploy();
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(world.visitor_sees(), last);
    ASSERT_NO_FATAL_FAILURE(expect_tidy(world));
  }
  EXPECT_GT(changes, 40); // the cuts did reach into the deploy
}

TEST_P(Cut, AnywhereInTheFirstDeployTheNextOneWorks) {
  int changes = 0;
  for (bool cut = true; cut; ++changes) {
    SCOPED_TRACE(fmt::format("cut after {} changes", changes));
    World world;
    const auto commit = world.push('a');
    cut = deploy_cut_off(world, changes);
    ASSERT_NO_FATAL_FAILURE(recover(world, GetParam()));
    const auto done = world.deploy();
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(world.visitor_sees(), commit);
    ASSERT_NO_FATAL_FAILURE(expect_tidy(world));
  }
  EXPECT_GT(changes, 50);
}

TEST_P(Cut, AnywhereInARollbackVisitorsKeepASiteAndItCanBeTriedAgain) {
  int changes = 0;
  for (bool cut = true; cut; ++changes) {
    SCOPED_TRACE(fmt::format("cut after {} changes", changes));
    World world;
    const auto old = world.push('a');
    const auto first = world.deploy();
    const auto next = world.push('b');
    ASSERT_TRUE(first && world.deploy());
    const auto roll = [&] {
      Shelf shelf(world.tools());
      const auto holdings = shelf.look(world.site.domain);
      return roll_back(world.tools(), world.site, *choose_rollback(*holdings, first->release.id), {}, quiet);
    };
    cut = false;
    world.power.cut_after(changes);
    try {
      EXPECT_TRUE(roll());
    } catch (const PowerCut&) {
      cut = true;
    }
    world.power.restore();
    ASSERT_NO_FATAL_FAILURE(recover(world, GetParam()));
    if (world.visitor_sees() == next) {
      EXPECT_TRUE(roll());
    }
    EXPECT_EQ(world.visitor_sees(), old);
    EXPECT_THAT(world.services.active, ::testing::SizeIs(1));
  }
  EXPECT_GT(changes, 8);
}

INSTANTIATE_TEST_SUITE_P(Of, Cut, ::testing::Values(Crash::agent, Crash::server),
                         [](const auto& crash) { return crash.param == Crash::agent ? "TheAgent" : "TheServer"; });

} // namespace tandem::sites
