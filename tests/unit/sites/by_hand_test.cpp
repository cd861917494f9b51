// A site that was set up by hand goes on, is taken over by its first release, and is never away meanwhile: also when
// the power is cut before any change.
#include "sites/by_hand.hpp"
#include "sites/serving.hpp"
#include "world.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

namespace {

const auto say_nothing = [](const std::string& /*line*/) {};
constexpr auto* own_folder = "/www/janome.club";
constexpr auto* table = "/var/spool/cron/crontabs/nikolays";

model::SiteByHand janome_by_hand() {
  return {.domain = "janome.club",
          .socket = "/run/uwsgi-janome/socket",
          .unit = "uwsgi@janome.club.service",
          .workers = {"celery@janome.club.service"},
          .nginx = {"/etc/nginx/sites-enabled/janome"},
          .cron = {{table, "0 3 * * * cd /www/janome.club && ./feeds"}},
          .certificate = "/etc/letsencrypt/live/janome.club/fullchain.pem",
          .key = "/etc/letsencrypt/live/janome.club/privkey.pem"};
}

void set_up_by_hand(World& world) {
  using enum system::FileType;
  auto& nodes = world.files.nodes;
  nodes["/www"] = nodes[own_folder] = nodes["/www/janome.club/media"] = {folder, 0755, {1001, 33}, {}};
  nodes["/www/janome.club/media/picture"] = {regular, 0644, {1001, 33}, "a picture"};
  nodes["/www/janome.club/manage.py"] = {regular, 0644, {1001, 33}, "mended by hand"};
  for (const auto* path : {"/var/spool", "/var/spool/cron", "/var/spool/cron/crontabs"})
    nodes[path] = {folder, 0755, {}, {}};
  nodes[table] = {
      regular, 0600, {1001, 102}, "MAILTO=a@example.org\n0 3 * * * cd /www/janome.club && ./feeds\n@daily x\n"};
  world.by_hand = janome_by_hand();
  for (const auto* unit : {"uwsgi@janome.club.service", "celery@janome.club.service"}) {
    world.services.active.insert(unit);
    world.services.enabled.insert(unit);
  }
}

// Where a path under WWW/DOMAIN leads in the end, as an application finds it.
std::string found(const World& world, const std::string& name) {
  auto folder = std::string(own_folder);
  const auto& top = world.files.nodes.at(folder);
  if (top.type == system::FileType::link) folder = "/www/" + top.content;
  const auto kept = world.files.nodes.find(folder + "/media");
  auto media = folder + "/media";
  if (kept != world.files.nodes.end() && kept->second.type == system::FileType::link)
    media = kept->second.content.starts_with('/') ? kept->second.content : Layout{}.shared("janome.club", "media");
  const auto file = world.files.nodes.find(media + "/" + name);
  return file == world.files.nodes.end() ? std::string() : file->second.content;
}

bool cut_off(World& world, int changes, const std::function<Result<void>()>& work) {
  world.power.cut_after(changes);
  bool cut = false;
  try {
    const auto done = work();
    EXPECT_TRUE(done) << done.error().message;
  } catch (const PowerCut&) {
    cut = true;
  }
  world.power.restore();
  return cut;
}

Result<void> take(World& world) {
  TANDEM_CHECK(SiteByHand(world.tools(), "janome.club").take(world.site, janome_by_hand()));
  return Serving(world.tools()).serve_current(world.site, say_nothing);
}

} // namespace

TEST(ByHand, ItsFileIsReadAsItWasWritten) {
  const model::ByHand by_hand{.sites = {janome_by_hand()}, .cron = {{"/etc/cron.d/www", "0 * * * * root rsync x"}}};
  const auto read = by_hand_from(to_text(by_hand));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, by_hand);
  EXPECT_FALSE(by_hand_from("{}"));
  auto wrong = by_hand;
  wrong.sites[0].socket = "/run/../etc/shadow";
  EXPECT_FALSE(by_hand_from(to_text(wrong)));
  wrong = by_hand;
  wrong.sites[0].unit = "--now";
  EXPECT_FALSE(by_hand_from(to_text(wrong)));
}

TEST(ByHand, OfASiteThatThePairDoesNotHaveNothingIsEnded) {
  const model::ByHand by_hand{.sites = {janome_by_hand()}, .cron = {}};
  model::Pair pair;
  EXPECT_TRUE(of_pair(pair, by_hand).sites.empty());
  pair.sites.push_back({.domain = "janome.club"});
  EXPECT_EQ(of_pair(pair, by_hand), by_hand);
}

TEST(ByHand, OnlyThatLineOfACrontabBecomesAComment) {
  EXPECT_EQ(with_comment("a\nb\na b\n", "b"), "a\n# by hand until tandem: b\na b\n");
  EXPECT_EQ(with_comment("a\n# by hand until tandem: b\n", "b"), "a\n# by hand until tandem: b\n");
  EXPECT_EQ(with_comment("b", "b"), "# by hand until tandem: b");
}

TEST(ByHand, ItIsServedOnAndThenByItsFirstRelease) {
  World world;
  set_up_by_hand(world);
  ASSERT_TRUE(take(world));
  EXPECT_EQ(world.visitor_sees(), "by hand");
  EXPECT_EQ(found(world, "picture"), "a picture");
  EXPECT_TRUE(world.files.has(Layout{}.shared("janome.club", "media") + "/picture"));

  const auto commit = world.push('a');
  const auto done = world.deploy();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->warnings, testing::IsEmpty());
  EXPECT_EQ(world.visitor_sees(), commit);
  EXPECT_EQ(found(world, "picture"), "a picture");
  EXPECT_THAT(world.services.active, testing::ElementsAre(site_unit("janome.club", done->release.id)));
  EXPECT_THAT(world.services.enabled, testing::IsEmpty());
  EXPECT_EQ(world.files.nodes.at("/www/.releases/janome.club/by-hand/manage.py").content, "mended by hand");
  EXPECT_THAT(world.files.nodes.at(table).content, testing::HasSubstr("\n# by hand until tandem: 0 3 "));
  EXPECT_EQ(world.files.nodes.at(table).mode, 0600U);
  EXPECT_EQ(world.files.nodes.at(table).owner, (system::Ownership{1001, 102}));
}

TEST(ByHand, ADeployThatFailsLeavesItAsItWas) {
  World world;
  set_up_by_hand(world);
  ASSERT_TRUE(take(world));
  world.push('a', {.health = 500});
  EXPECT_FALSE(world.deploy());
  EXPECT_EQ(world.visitor_sees(), "by hand");
  EXPECT_EQ(world.files.nodes.at(own_folder).type, system::FileType::folder);
  EXPECT_THAT(world.services.enabled, testing::SizeIs(2));
  const auto commit = world.push('b');
  ASSERT_TRUE(world.deploy());
  EXPECT_EQ(world.visitor_sees(), commit);
}

TEST(ByHand, FilesInBothPlacesAreNotMixed) {
  World world;
  set_up_by_hand(world);
  world.files.nodes["/www/.releases"] = world.files.nodes["/www/.releases/janome.club"] =
      world.files.nodes["/www/.releases/janome.club/shared"] =
          world.files.nodes[Layout{}.shared("janome.club", "media")] = {system::FileType::folder, 0755, {}, {}};
  world.files.nodes[Layout{}.shared("janome.club", "media") + "/other"] = {system::FileType::regular, 0644, {}, "x"};
  const auto taken = take(world);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::refused);
  EXPECT_EQ(found(world, "picture"), "a picture");
}

TEST(ByHand, CutAnywhereWhileItIsTakenNothingIsAway) {
  int changes = 0;
  for (bool cut = true; cut; ++changes) {
    SCOPED_TRACE(fmt::format("cut after {} changes", changes));
    World world;
    set_up_by_hand(world);
    cut = cut_off(world, changes, [&] { return take(world); });
    EXPECT_EQ(found(world, "picture"), "a picture");
    ASSERT_TRUE(take(world));
    EXPECT_EQ(world.visitor_sees(), "by hand");
    EXPECT_EQ(found(world, "picture"), "a picture");
  }
  EXPECT_GT(changes, 10);
}

TEST(ByHand, CutAnywhereInTheFirstDeployVisitorsKeepASite) {
  int changes = 0;
  for (bool cut = true; cut; ++changes) {
    SCOPED_TRACE(fmt::format("cut after {} changes", changes));
    World world;
    set_up_by_hand(world);
    ASSERT_TRUE(take(world));
    const auto commit = world.push('a');
    cut = cut_off(world, changes, [&] {
      return [&]() -> Result<void> {
        TANDEM_CHECK(world.deploy());
        return {};
      }();
    });
    EXPECT_THAT(world.visitor_sees(), testing::AnyOf("by hand", commit));
    EXPECT_EQ(found(world, "picture"), "a picture");
    ASSERT_TRUE(Serving(world.tools()).serve_current(world.site, say_nothing)); // as the agent does when it is back
    EXPECT_THAT(world.visitor_sees(), testing::AnyOf("by hand", commit));
    ASSERT_TRUE(world.deploy());
    EXPECT_EQ(world.visitor_sees(), commit);
    EXPECT_THAT(world.services.active, testing::SizeIs(1));
    EXPECT_THAT(world.services.enabled, testing::IsEmpty());
    EXPECT_EQ(world.files.nodes.at("/www/.releases/janome.club/by-hand/manage.py").content, "mended by hand");
  }
  EXPECT_GT(changes, 40);
}

TEST(ByHand, ALineOfACrontabCountsAgain) {
  EXPECT_EQ(without_comment("a\n# by hand until tandem: b\n# by hand until tandem: c\n", "b"),
            "a\nb\n# by hand until tandem: c\n");
  EXPECT_EQ(without_comment("b\n", "b"), "b\n");
}

// As `tandem adopt --undo` does it: the application first, what releases share last.
TEST(ByHand, CutAnywhereOnTheWayBackVisitorsKeepASite) {
  int changes = 0;
  for (bool cut = true; cut; ++changes) {
    SCOPED_TRACE(fmt::format("cut after {} changes", changes));
    World world;
    set_up_by_hand(world);
    const auto crontab = world.files.nodes.at(table).content;
    ASSERT_TRUE(take(world));
    const auto commit = world.push('a');
    ASSERT_TRUE(world.deploy());
    const auto go_back = [&]() -> Result<void> {
      SiteByHand by_hand(world.tools(), "janome.club");
      TANDEM_CHECK(by_hand.take_back());
      TANDEM_TRY(const auto known, by_hand.known());
      if (known) TANDEM_CHECK(Serving(world.tools()).serve_current(world.site, say_nothing));
      TANDEM_CHECK(by_hand.begin(true, say_nothing));
      return by_hand.return_folders(world.site);
    };
    cut = cut_off(world, changes, go_back);
    EXPECT_THAT(world.visitor_sees(), testing::AnyOf("by hand", commit));
    EXPECT_EQ(found(world, "picture"), "a picture");
    const auto gone = go_back();
    ASSERT_TRUE(gone) << gone.error().message;
    EXPECT_EQ(world.visitor_sees(), "by hand");
    EXPECT_EQ(world.files.nodes.at("/www/janome.club/media/picture").content, "a picture");
    EXPECT_EQ(world.files.nodes.at("/www/janome.club/media").mode, 0755U);
    EXPECT_EQ(world.files.nodes.at("/www/janome.club/media").owner, (system::Ownership{1001, 33}));
    EXPECT_EQ(world.files.nodes.at("/www/janome.club/manage.py").content, "mended by hand");
    EXPECT_EQ(world.files.nodes.at(table).content, crontab);
    EXPECT_THAT(world.services.active,
                testing::UnorderedElementsAre("uwsgi@janome.club.service", "celery@janome.club.service"));
    EXPECT_THAT(world.services.enabled, testing::SizeIs(2));
  }
  EXPECT_GT(changes, 12);
}

} // namespace tandem::sites
