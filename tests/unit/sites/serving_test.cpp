// What answers visitors: started, woken, kept warm, never retired while it is the current one.
#include "world.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string site_domain = "janome.club";
const Layout site_places;

} // namespace

TEST(Serving, AfterABootTheCurrentReleaseIsStartedAndLinked) {
  World world;
  const auto commit = world.push('a');
  ASSERT_TRUE(world.deploy());
  world.reboot();
  Serving serving(world.tools());
  const auto served = serving.serve_current(world.site, [](const std::string&) {});
  ASSERT_TRUE(served) << served.error().message;
  EXPECT_EQ(world.visitor_sees(), commit);
  EXPECT_EQ(world.files.nodes.at("/run/tandem-sites/janome.club").mode, 0750U);
}

TEST(Serving, IsWokenByQuestionsForAllItsThreadsAtOnce) {
  World world;
  Serving serving(world.tools());
  EXPECT_TRUE(serving.wake(world.site)) << "it was never deployed";
  const auto commit = world.push('a');
  ASSERT_TRUE(world.deploy());
  world.site.uwsgi.processes = 2;
  world.site.uwsgi.threads = 3;
  world.applications.asked.clear();
  EXPECT_TRUE(serving.wake(world.site));
  EXPECT_GE(world.applications.asked.size(), 6U);
  world.commits.at(commit).health = 500;
  EXPECT_FALSE(serving.wake(world.site));
}

TEST(Serving, ASiteThatWasNeverDeployedIsNothingToServe) {
  World world;
  Serving serving(world.tools());
  EXPECT_TRUE(serving.serve_current(world.site, [](const std::string&) {}));
  EXPECT_THAT(world.services.active, IsEmpty());
}

TEST(Serving, AStandbyWarmsWhatItReceivedAndFollowsWhenItsLinkChanges) {
  World world;
  world.push('a');
  const auto first = world.deploy();
  // What replication brings: a finished release, later the link.
  const auto commit = world.push('b');
  Builder builder(world.tools());
  Shelf shelf(world.tools());
  Serving serving(world.tools());
  const auto quiet = [](const std::string&) {};
  const auto release = builder.prepare(world.site, "", quiet);
  ASSERT_TRUE(release) << release.error().message;
  EXPECT_FALSE(serving.warm(world.site, release->id, quiet)) << "it is not finished";
  ASSERT_TRUE(shelf.finish(site_domain, *release));
  ASSERT_TRUE(serving.warm(world.site, release->id, quiet));
  EXPECT_THAT(world.services.active, SizeIs(2));
  world.files.nodes["/www/janome.club"].content = site_places.link_target(site_domain, release->id);
  ASSERT_TRUE(serving.serve_current(world.site, quiet));
  EXPECT_EQ(world.visitor_sees(), commit);
  EXPECT_THAT(world.services.active, ElementsAre(site_unit(site_domain, release->id)));
}

TEST(Serving, AnApplicationOlderThanItsDatabaseIsStartedAnewUnlessVisitorsReachIt) {
  World world;
  world.push('a');
  const auto done = world.deploy();
  ASSERT_TRUE(done);
  const auto unit = site_unit(site_domain, done->release.id);
  const std::string database = "postgresql@15-main.service";
  auto tools = world.tools();
  tools.database_unit = database;
  Serving serving(tools);
  std::vector<std::string> told;
  const auto tell = [&](const std::string& line) { told.push_back(line); };
  world.services.active.insert(database);
  world.services.since = {{unit, std::chrono::seconds(20)}, {database, std::chrono::seconds(10)}};
  world.site.database = model::SiteDatabase{};
  ASSERT_TRUE(serving.keep_warm(world.site, tell));
  EXPECT_THAT(told, IsEmpty()) << "the database is older";
  world.services.since[database] = std::chrono::seconds(30);
  ASSERT_TRUE(serving.serve_current(world.site, tell));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0], HasSubstr("anew, since PostgreSQL was started after it"));
  EXPECT_TRUE(world.services.active.contains(unit));
  EXPECT_NE(world.visitor_sees(), "");
  ASSERT_TRUE(serving.serve_current(world.site, tell)) << "visitors reach it now";
  EXPECT_THAT(told, SizeIs(1));
  world.site.database.reset();
  ASSERT_TRUE(serving.keep_warm(world.site, tell)) << "it has no database";
  EXPECT_THAT(told, SizeIs(1));
}

TEST(Serving, TheCurrentReleaseIsNeverRetired) {
  World world;
  world.push('a');
  const auto done = world.deploy();
  Serving serving(world.tools());
  const auto retired = serving.retire(world.site, done->release.id, [](const std::string&) {});
  ASSERT_FALSE(retired);
  EXPECT_EQ(retired.error().kind, ErrorKind::refused);
}

} // namespace tandem::sites
