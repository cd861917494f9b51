// Names of releases, their manifests, and the decisions about them.
#include "sites/choose.hpp"
#include "sites/layout.hpp"
#include "sites/locks.hpp"
#include "sites/mirror.hpp"
#include "sites/virtualenv.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace {

std::string id(int number) {
  return fmt::format("202611240000{:02}-{:07x}", number, number);
}

Release release(int number, std::string environment = "aa") {
  return {.id = id(number),
          .commit = fmt::format("{:07x}{:033}", number, 0),
          .branch = "main",
          .created = 1'795'509'000,
          .environment = std::move(environment),
          .steps = {"python manage.py migrate"},
          .migrations = {}};
}

Holdings five_releases() {
  Holdings holdings;
  for (int number = 1; number <= 5; ++number)
    holdings.releases.push_back(release(number, std::string(2, static_cast<char>('a' + number))));
  for (const auto& each : holdings.releases)
    holdings.environments.push_back(each.environment);
  holdings.current = id(5);
  holdings.history = {id(5), id(4)};
  return holdings;
}

} // namespace

TEST(Layout, AReleaseIsNamedByTimeAndCommit) {
  const std::chrono::system_clock::time_point time{std::chrono::seconds(1'795'509'000)};
  EXPECT_EQ(release_id(time, "85e57f8d03"), "20261124083000-85e57f8");
  EXPECT_TRUE(is_release_id("20261124083000-85e57f8"));
  for (const auto* text : {"shared", "repo.git", "20261124083000-85e57fX", "2026112408300a-85e57f8", "../x", ""})
    EXPECT_FALSE(is_release_id(text)) << text;
}

TEST(Layout, UnitsAreNamedAsSystemdEscapesThem) {
  EXPECT_EQ(site_unit("janome.club", "20261124083000-85e57f8"),
            "tandem-site@janome.club-20261124083000\\x2d85e57f8.service");
  EXPECT_EQ(site_unit("my-shop.ru", "x"), "tandem-site@my\\x2dshop.ru-x.service");
}

TEST(Manifest, SaysTheSameAfterBeingWrittenAndRead) {
  auto whole = release(7);
  whole.migrations = {"shop/migrations/0001_initial.py"};
  const auto read = release_from(to_text(whole));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, whole);
}

TEST(Manifest, CutShortAtAnyByteItIsDamagedNeverAccepted) {
  auto text = to_text(release(7));
  text.pop_back(); // the final line end says nothing
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto read = release_from(text.substr(0, length));
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error().kind, ErrorKind::invalid);
  }
}

TEST(Manifest, OfALaterVersionIsRefusedAndWithAPathForAKeyDamaged) {
  EXPECT_EQ(release_from(R"({"version": 2})").error().kind, ErrorKind::refused);
  auto forged = release(7);
  forged.environment = "../../etc";
  EXPECT_EQ(release_from(to_text(forged)).error().kind, ErrorKind::invalid);
}

TEST(Leftovers, TheLastThreeStayWithTheirEnvironments) {
  const auto old = leftovers(five_releases());
  EXPECT_THAT(old.releases, ElementsAre(id(1), id(2)));
  EXPECT_THAT(old.environments, ElementsAre("bb", "cc"));
}

TEST(Leftovers, TheCurrentAndThePreviousStayHoweverOldTheyAre) {
  auto holdings = five_releases();
  holdings.current = id(1);
  holdings.history = {id(1), id(2), id(5)};
  const auto old = leftovers(holdings);
  EXPECT_THAT(old.releases, IsEmpty());
  EXPECT_THAT(old.environments, IsEmpty());
}

TEST(Leftovers, WhatWasNeverFinishedGoesAndAnEnvironmentThatNobodyUsesToo) {
  auto holdings = five_releases();
  holdings.unfinished = {id(9)};
  holdings.environments.emplace_back("99");
  const auto old = leftovers(holdings);
  EXPECT_THAT(old.releases, ElementsAre(id(1), id(2), id(9)));
  EXPECT_THAT(old.environments, ElementsAre("bb", "cc", "99"));
}

TEST(Leftovers, WithTheCurrentManifestDamagedNoEnvironmentGoes) {
  auto holdings = five_releases();
  holdings.releases.pop_back();
  holdings.unfinished = {id(5)};
  const auto old = leftovers(holdings);
  EXPECT_THAT(old.environments, IsEmpty());
  EXPECT_THAT(old.releases, Not(::testing::Contains(id(5))));
}

TEST(Rollback, LeadsToWhatWasLiveBeforeNotToWhatWasBuiltBefore) {
  auto holdings = five_releases();
  holdings.history = {id(5), id(3)}; // 4 never became live
  EXPECT_EQ(choose_rollback(holdings, "")->target.id, id(3));
  holdings.history = {id(5), id(2), id(3)};
  std::erase_if(holdings.releases, [](const Release& each) { return each.id == id(2); });
  EXPECT_EQ(choose_rollback(holdings, "")->target.id, id(3));
}

TEST(Rollback, ASecondOneGoesFurtherBackAndNeverToWhatTheFirstOneLeft) {
  auto holdings = five_releases();
  holdings.history = {id(3), id(5), id(3), id(2)};
  holdings.current = id(3);
  EXPECT_EQ(choose_rollback(holdings, "")->target.id, id(2));
  EXPECT_EQ(choose_rollback(holdings, id(5))->target.id, id(5)) << "but by its name";
  holdings.history = {id(2), id(3), id(5), id(3), id(2)};
  holdings.current = id(2);
  EXPECT_EQ(choose_rollback(holdings, "").error().kind, ErrorKind::not_found);
}

TEST(Rollback, ByIdOrByTheBeginningOfACommit) {
  EXPECT_EQ(choose_rollback(five_releases(), id(2))->target.id, id(2));
  EXPECT_EQ(choose_rollback(five_releases(), "00000020")->target.id, id(2));
  EXPECT_EQ(choose_rollback(five_releases(), "0000").error().kind, ErrorKind::not_found);
  EXPECT_EQ(choose_rollback(five_releases(), id(5)).error().kind, ErrorKind::refused);
  auto alone = five_releases();
  alone.history = {id(5)};
  EXPECT_EQ(choose_rollback(alone, "").error().kind, ErrorKind::not_found);
}

TEST(Rollback, NamesTheMigrationsInBetween) {
  auto holdings = five_releases();
  holdings.releases[4].migrations = {"a/migrations/0001.py", "a/migrations/0002.py", "b/migrations/0001.py"};
  holdings.releases[3].migrations = {"a/migrations/0001.py"};
  EXPECT_THAT(choose_rollback(holdings, "")->migrations, ElementsAre("a/migrations/0002.py", "b/migrations/0001.py"));
}

TEST(SiteLocks, TheSecondCallerIsToldWhoIsAtItAndWhy) {
  SiteLocks locks;
  const Holder andrey{"andrey", "deploy of 85e57f8", std::chrono::system_clock::time_point{std::chrono::seconds(3723)}};
  {
    const auto first = locks.take("janome.club", andrey);
    ASSERT_TRUE(first);
    const auto second = locks.take("janome.club", {"the switchover to duo", "switchover", {}});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::refused);
    EXPECT_EQ(second.error().message, "andrey is at work on janome.club since 01:02:03 UTC: deploy of 85e57f8");
    EXPECT_TRUE(locks.take("other.club", andrey)) << "another site is free";
    EXPECT_EQ(locks.holder("janome.club")->who, "andrey");
  }
  EXPECT_FALSE(locks.holder("janome.club"));
  EXPECT_TRUE(locks.take("janome.club", andrey));
}

TEST(Ssh, TheDeployKeyIsTheOnlyOneAndAHostKeyThatIsNotPinnedIsRefused) {
  model::Site site;
  site.deploy_key = model::SecretFile{"secrets/janome", "/etc/tandem/secrets/the key"};
  site.repo_host_keys = {"github.com ssh-ed25519 AAAA"};
  EXPECT_EQ(ssh_command(site, "/state/known_hosts"),
            "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/state/known_hosts "
            "-o IdentitiesOnly=yes -i '/etc/tandem/secrets/the key'");
}

TEST(Requirements, FilesThatTheyIncludeAreFound) {
  EXPECT_THAT(included_requirements("Django\n-r base.txt\n--requirement=more.txt # why\n-c limits.txt\n-rtight.txt\n"
                                    "--requirements-like\nrequests # -r no.txt\n-r https://example.org/x.txt\n"),
              ElementsAre("base.txt", "more.txt", "limits.txt", "tight.txt"));
}

TEST(Requirements, CodeOfTheCheckoutItselfIsNoticed) {
  EXPECT_TRUE(needs_checkout("Django\n-e .\n"));
  EXPECT_TRUE(needs_checkout("./lib/thing\n"));
  EXPECT_TRUE(needs_checkout("thing @ file:///srv/thing\n"));
  EXPECT_FALSE(needs_checkout("Django>=3.2,<5\n# ./lib\npsycopg2\n"));
}

} // namespace tandem::sites
