#include "world.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const std::string domain = "janome.club";
const Layout places;

bool ran(const World& world, std::string_view word) {
  return std::ranges::any_of(world.processes.ran, [&](const system::Command& command) {
    return std::ranges::find(command.arguments, word) != command.arguments.end();
  });
}

const system::Command* step_of(const World& world) {
  for (const auto& command : world.processes.ran)
    if (std::ranges::find(command.arguments, "migrate") != command.arguments.end()) return &command;
  return nullptr;
}

} // namespace

TEST(Deploy, TheFirstReleaseIsServedAndLinkedWhereTheDescriptionHasTheSite) {
  World world;
  const auto commit = world.push('a');
  const auto done = world.deploy();
  ASSERT_TRUE(done) << done.error().message;
  const auto& id = done->release.id;
  EXPECT_EQ(id, "20261124083010-aaaaaaa");
  EXPECT_EQ(world.visitor_sees(), commit);
  EXPECT_EQ(world.files.nodes.at("/www/janome.club").content, ".releases/janome.club/" + id);
  const auto folder = places.release(domain, id);
  EXPECT_EQ(world.files.nodes.at(folder + "/media").content, "../shared/media");
  EXPECT_EQ(world.files.nodes.at(folder + "/env").content, "../envs/" + done->release.environment);
  EXPECT_THAT(done->warnings, IsEmpty());
}

TEST(Deploy, WhatBelongsToTheSiteIsItsOwnersAndWhatRootTrustsIsRoots) {
  World world;
  world.push('a');
  const auto done = world.deploy();
  ASSERT_TRUE(done) << done.error().message;
  const system::Ownership site{1001, 33};
  const system::Ownership root{0, 0};
  const auto owner = [&](const std::string& path) { return world.files.nodes.at(path).owner; };
  EXPECT_EQ(owner(places.release(domain, done->release.id)), site);
  EXPECT_EQ(owner(places.release(domain, done->release.id) + "/manage.py"), site);
  EXPECT_EQ(owner(places.shared(domain, "media")), site);
  EXPECT_EQ(world.files.nodes.at(places.shared(domain, "media")).mode, 02750U);
  EXPECT_EQ(owner(places.shared(domain, "inbox")).uid, 1002U);
  EXPECT_EQ(world.files.nodes.at(places.shared(domain, "inbox")).mode, 02770U);
  EXPECT_EQ(owner(places.site_folder(domain)), root);
  EXPECT_EQ(owner(places.mirror(domain)), root);
  EXPECT_EQ(world.files.nodes.at(places.mirror(domain)).mode, 0700U);
  EXPECT_EQ(owner(places.manifest(domain, done->release.id)), root);
}

TEST(Deploy, AStepRunsAsTheOwnerInTheReleaseWithItsVirtualenvAndItsSecrets) {
  World world;
  world.push('a');
  const auto done = world.deploy();
  ASSERT_TRUE(done) << done.error().message;
  const auto* step = step_of(world);
  ASSERT_NE(step, nullptr);
  const auto env = places.environment(domain, done->release.environment);
  EXPECT_THAT(step->arguments, ElementsAre(env + "/bin/python", "manage.py", "migrate", "--noinput"));
  EXPECT_EQ(step->user, "nikolays");
  EXPECT_EQ(step->folder, places.release(domain, done->release.id));
  EXPECT_EQ(step->environment.at("DJANGO_SETTINGS_MODULE"), "sewingworld.settings.production");
  EXPECT_EQ(step->environment.at("SHOP_PASSWORD"), "correct-horse");
  EXPECT_THAT(step->environment.at("PATH"), ::testing::StartsWith(env + "/bin:"));
}

TEST(Deploy, TheHealthQuestionIsAskedInTheSitesNameBeforeAVisitorSeesTheRelease) {
  World world;
  world.site.health = "/health/?full=1";
  world.push('a');
  std::string seen_before;
  world.peers.before_live = [&](const Release&) -> Result<void> {
    seen_before = world.visitor_sees();
    return {};
  };
  ASSERT_TRUE(world.deploy());
  ASSERT_FALSE(world.applications.asked.empty());
  EXPECT_EQ(world.applications.asked[0].host, domain);
  EXPECT_EQ(world.applications.asked[0].path, "/health/?full=1");
  EXPECT_THAT(seen_before, HasSubstr("nothing answers"));
}

TEST(Deploy, TheSameRequirementsUseTheSameVirtualenvAndOtherOnesAnother) {
  World world;
  world.push('a');
  const auto first = world.deploy();
  world.push('b');
  world.processes.ran.clear();
  const auto second = world.deploy();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->release.environment, second->release.environment);
  EXPECT_FALSE(ran(world, "virtualenv"));
  world.push('c', {.files = {{"requirements.txt", "Django\nPillow\n"}}});
  const auto third = world.deploy();
  ASSERT_TRUE(third);
  EXPECT_NE(third->release.environment, first->release.environment);
  EXPECT_TRUE(ran(world, "virtualenv"));
}

TEST(Deploy, TheOldReleaseIsStoppedOnceItsRequestsAreAnswered) {
  World world;
  world.push('a');
  const auto first = world.deploy();
  const auto commit = world.push('b');
  const auto second = world.deploy();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(world.visitor_sees(), commit);
  EXPECT_EQ(second->previous, first->release.id);
  EXPECT_THAT(world.services.active, ElementsAre(site_unit(domain, second->release.id)));
  EXPECT_FALSE(world.files.has(places.socket(domain, first->release.id)));
  EXPECT_FALSE(world.files.has(places.uwsgi_environment(domain, first->release.id))); // it holds secrets
}

TEST(Deploy, ARequestBeyondTheLongestIsCutAndTheOperatorIsTold) {
  World world;
  world.push('a');
  const auto first = world.deploy();
  world.applications.stays_busy = true;
  world.push('b');
  ASSERT_TRUE(world.deploy());
  EXPECT_THAT(world.said, Contains(HasSubstr(first->release.id + " still had requests after 125 s")));
}

TEST(Deploy, CodeThatDoesNotAnswerWellNeverReachesAVisitorAndLeavesNothing) {
  World world;
  const auto good = world.push('a');
  ASSERT_TRUE(world.deploy());
  const auto before = world.files.below("/www");
  world.push('b', {.files = {}, .health = 500});
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("it answers 500 to /"));
  EXPECT_THAT(done.error().message, HasSubstr("ImportError: no module named shop"));
  EXPECT_EQ(world.visitor_sees(), good);
  EXPECT_EQ(world.files.below("/www"), before);
  EXPECT_THAT(world.services.active, SizeIs(1));
}

TEST(Deploy, AFailedFirstDeployLeavesNoSite) {
  World world;
  world.push('a', {.files = {}, .health = 404});
  ASSERT_FALSE(world.deploy());
  EXPECT_FALSE(world.files.has("/www/janome.club"));
  EXPECT_THAT(world.releases(), IsEmpty());
  EXPECT_THAT(world.services.active, IsEmpty());
}

TEST(Deploy, AMigrationThatGetsNoLockIsTriedAgainAndVisitorsNeverWaitLongerThanForOne) {
  World world;
  world.push('a');
  world.locked = Builder::lock_attempts - 1;
  ASSERT_TRUE(world.deploy());
  EXPECT_EQ(step_of(world)->environment.at("PGOPTIONS"), "-c lock_timeout=3s");
  EXPECT_THAT(world.said, Contains(HasSubstr("it got no lock within 3 s; once more")));
}

TEST(Deploy, AMigrationThatNeverGetsItsLockStopsTheDeployAndSaysWhereToLook) {
  World world;
  const auto good = world.push('a');
  ASSERT_TRUE(world.deploy());
  world.push('b');
  world.locked = Builder::lock_attempts;
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_EQ(world.locked, 0);
  EXPECT_THAT(done.error().hint, HasSubstr("pg_stat_activity"));
  EXPECT_EQ(world.visitor_sees(), good);
  EXPECT_THAT(world.releases(), SizeIs(1));
}

TEST(Deploy, ASitesOwnOptionsOfPostgresqlStay) {
  World world;
  world.site.environment["PGOPTIONS"] = "-c lock_timeout=1min";
  world.push('a');
  ASSERT_TRUE(world.deploy());
  EXPECT_EQ(step_of(world)->environment.at("PGOPTIONS"), "-c lock_timeout=1min");
}

TEST(Deploy, TellsEachPointInItsOrderAndStopsWhereItIsStopped) {
  World world;
  const auto good = world.push('a');
  std::vector<std::string> points;
  world.peers.reached = [&](std::string_view point) -> Result<void> {
    points.emplace_back(point);
    return {};
  };
  ASSERT_TRUE(world.deploy());
  world.push('b');
  points.clear();
  ASSERT_TRUE(world.deploy());
  EXPECT_THAT(points, ::testing::ElementsAreArray(deploy_points));
  const auto live = world.visitor_sees();
  int followed = 0;
  world.peers.follow = [&]() -> Result<void> {
    ++followed;
    return {};
  };
  for (std::size_t at = 0; deploy_points.at(at) != "tell"; ++at) {
    world.push('c');
    world.peers.reached = [&](std::string_view point) -> Result<void> {
      return point == deploy_points.at(at) ? Result<void>(failed("stopped")) : Result<void>();
    };
    ASSERT_FALSE(world.deploy()) << deploy_points.at(at);
    EXPECT_EQ(world.visitor_sees(), live) << deploy_points.at(at);
    EXPECT_EQ(followed, deploy_points.at(at) == "switch" ? 1 : 0) << "standbys that were offered it give it back";
  }
  EXPECT_NE(live, good);
}

TEST(Deploy, StepsSeeACopyOfWhatTheyBuildAndNginxServes) {
  World world;
  world.push('a');
  ASSERT_TRUE(world.deploy());
  const auto* step = step_of(world);
  ASSERT_NE(step, nullptr);
  EXPECT_THAT(step->views, ElementsAre(system::View{.shown = places.building_copy(domain, "static"),
                                                    .at = places.shared(domain, "static")}))
      << "and what the site itself writes, its media, in place";
  EXPECT_FALSE(world.files.has(places.building(domain)));
}

TEST(Deploy, AFailedStepStopsTheDeployAndItsSecretsAreNotRepeated) {
  World world;
  const auto good = world.push('a');
  ASSERT_TRUE(world.deploy());
  world.push('b');
  world.failing = "migrate";
  world.said.clear();
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("\"python manage.py migrate --noinput\" failed"));
  EXPECT_THAT(done.error().message, HasSubstr("password ***"));
  EXPECT_THAT(done.error().message, Not(HasSubstr("correct-horse")));
  EXPECT_THAT(world.said, Contains(HasSubstr("password ***")));
  EXPECT_THAT(world.said, Not(Contains(HasSubstr("correct-horse"))));
  EXPECT_EQ(world.visitor_sees(), good);
  EXPECT_THAT(world.releases(), SizeIs(1));
}

TEST(Deploy, AStandbyThatCannotTakeTheReleaseStopsItBeforeVisitorsSeeIt) {
  World world;
  const auto good = world.push('a');
  ASSERT_TRUE(world.deploy());
  world.push('b');
  world.peers.before_live = [](const Release&) -> Result<void> { return failed("duo: not enough room"); };
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("duo: not enough room"));
  EXPECT_EQ(world.visitor_sees(), good);
  EXPECT_THAT(world.services.active, SizeIs(1));
  EXPECT_THAT(world.releases(), SizeIs(1));
}

TEST(Deploy, WhatFailsAfterTheSwitchIsAWarningOfADeployThatIsDone) {
  World world;
  const auto commit = world.push('a');
  world.peers.follow = []() -> Result<void> { return failed("duo does not answer"); };
  const auto done = world.deploy();
  ASSERT_TRUE(done);
  EXPECT_THAT(done->warnings, ElementsAre("telling the standbys: duo does not answer"));
  EXPECT_EQ(world.visitor_sees(), commit);
}

TEST(Deploy, ASwitchThatFailsHalfWayIsTakenBack) {
  World world;
  const auto good = world.push('a');
  const auto first = world.deploy();
  ASSERT_TRUE(first);
  world.push('b');
  world.files.full = {places.history(domain)};
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("No space left"));
  EXPECT_EQ(world.visitor_sees(), good);
  EXPECT_EQ(world.files.nodes.at("/www/janome.club").content, ".releases/janome.club/" + first->release.id);
}

TEST(Deploy, ACommitIsFoundByItsBeginningAndAnUnknownNameIsNot) {
  World world;
  const auto old = world.push('a');
  world.push('b');
  const auto done = world.deploy("aaaaaaaa");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->release.commit, old);
  const auto unknown = world.deploy("feature");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
  EXPECT_THAT(world.releases(), SizeIs(1));
}

TEST(Deploy, ANameThatGitWouldTakeForAnOptionIsRefused) {
  World world;
  world.push('a');
  for (const std::string name : {"--upload-pack=touch", "a..b", "main^{commit}", "a b"}) {
    const auto done = world.deploy(name);
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().kind, ErrorKind::invalid) << name;
  }
}

TEST(Deploy, AMirrorThatACrashLeftLockedIsMadeAnew) {
  World world;
  world.push('a');
  ASSERT_TRUE(world.deploy());
  world.files.nodes[places.mirror(domain) + "/packed-refs.lock"] = {};
  world.push('b');
  const auto done = world.deploy();
  EXPECT_TRUE(done) << done.error().message;
}

TEST(Deploy, AFolderInGitWithContentIsNotHiddenBehindAKeptOne) {
  World world;
  world.push('a', {.files = {{"media/logo.png", "png"}}});
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
  EXPECT_THAT(done.error().message, HasSubstr("logo.png"));
  world.push('b', {.files = {{"media/.gitkeep", ""}}});
  EXPECT_TRUE(world.deploy());
}

TEST(Deploy, ARealFolderInTheSitesPlaceIsNotTouched) {
  World world;
  world.push('a');
  world.files.nodes["/www"] = world.files.nodes["/www/janome.club"] = {system::FileType::folder, 0755, {}, {}};
  const auto done = world.deploy();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::refused);
  EXPECT_EQ(world.files.nodes.at("/www/janome.club").type, system::FileType::folder);
}

TEST(Deploy, ThreeReleasesAndTheirEnvironmentsAreKept) {
  World world;
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) {
    world.push(letter, {.files = {{"requirements.txt", std::string(1, letter)}}});
    ASSERT_TRUE(world.deploy());
  }
  EXPECT_THAT(world.releases(), SizeIs(3));
  EXPECT_THAT(*world.files.list(places.site_folder(domain) + "/envs"), SizeIs(3));
}

TEST(RollBack, TheReleaseBeforeServesAgainAndTheMigrationsBetweenAreNamed) {
  World world;
  const auto old = world.push('a', {.files = {{"shop/migrations/0001_initial.py", ""}}});
  ASSERT_TRUE(world.deploy());
  world.push('b', {.files = {{"shop/migrations/0001_initial.py", ""}, {"shop/migrations/0002_price.py", ""}}});
  ASSERT_TRUE(world.deploy());
  Shelf shelf(world.tools());
  const auto holdings = shelf.look(domain);
  ASSERT_TRUE(holdings);
  const auto way = choose_rollback(*holdings, "");
  ASSERT_TRUE(way) << way.error().message;
  EXPECT_THAT(way->migrations, ElementsAre("shop/migrations/0002_price.py"));
  world.processes.ran.clear();
  const auto done = roll_back(world.tools(), world.site, *way, {}, [](const std::string&) {});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(world.visitor_sees(), old);
  EXPECT_EQ(step_of(world), nullptr); // the steps of a release run once
  EXPECT_THAT(world.services.active, SizeIs(1));
}

} // namespace tandem::sites
