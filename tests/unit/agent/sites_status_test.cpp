#include "agent/operations/sites_status.hpp"
#include "fakes/server.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a server's files say when one site of two is deployed, and everything runs.
class SitesStatusTest : public ::testing::Test {
protected:
  SitesStatusTest() {
    pair_.sites.resize(2);
    pair_.sites[0].domain = "shop.test";
    pair_.sites[1].domain = "blog.test";
    files_.put_link(layout_.site_link("shop.test"), layout_.link_target("shop.test", release_));
    application_listens(release_);
    nginx_runs(true);
  }

  void application_listens(const std::string& release) {
    files_.put("/proc/net/unix",
               "Num       RefCount Protocol Flags    Type St Inode Path\n"
               "ffff8881: 00000002 00000000 00010000 0001 01 23456 " +
                   layout_.socket("shop.test", release) + "\n",
               0444, {});
  }

  void nginx_runs(bool runs) {
    files_.put("/run/nginx.pid", "4711\n", 0644, {});
    if (runs) files_.put_folder("/proc/4711");
  }

  Json status(bool rest = false) {
    Json status{{"problems", Json::array()}};
    describe_sites(files_, pair_, layout_, rest, status);
    return status;
  }

  const std::string release_ = "20261124083000-85e57f8";
  sites::Layout layout_;
  model::Pair pair_;
  fakes::Power power_;
  fakes::Files files_{power_};
};

TEST_F(SitesStatusTest, ADeployedSiteRunsAndTheOtherHasNoRelease) {
  const auto said = status();
  EXPECT_EQ(said["sites"][0], (Json{{"domain", "shop.test"}, {"release", release_}, {"runs", true}}));
  EXPECT_EQ(said["sites"][1], (Json{{"domain", "blog.test"}, {"release", nullptr}}));
  EXPECT_TRUE(said["nginx"].get<bool>());
  EXPECT_THAT(said["problems"], IsEmpty());
}

TEST_F(SitesStatusTest, ASiteThatWasSetUpByHandAndNotDeployedSaysSo) {
  files_.put_folder("/www/blog.test");
  files_.put(layout_.by_hand("blog.test"), "{}", 0600, {});
  EXPECT_EQ(status()["sites"][1], (Json{{"domain", "blog.test"}, {"release", nullptr}, {"by_hand", true}}));
  EXPECT_THAT(status()["problems"], IsEmpty());
}

TEST_F(SitesStatusTest, OnAStandbyThatIsColdAnApplicationRests) {
  application_listens("20261123083000-1234567");
  const auto said = status(true);
  EXPECT_EQ(said["sites"][0], (Json{{"domain", "shop.test"}, {"release", release_}, {"runs", false}, {"rests", true}}));
  EXPECT_THAT(said["problems"], IsEmpty());
}

TEST_F(SitesStatusTest, AnApplicationOfAnotherReleaseIsNotTheOneThatServes) {
  application_listens("20261123083000-1234567");
  EXPECT_THAT(status()["problems"], ElementsAre("the application of shop.test does not run"));
}

TEST_F(SitesStatusTest, APidFileWithoutItsProcessIsNoNginx) {
  files_.forget("/proc/4711");
  EXPECT_THAT(status()["problems"], ElementsAre("nginx does not run"));
}

TEST_F(SitesStatusTest, WithNothingDeployedNginxNeedNotRun) {
  files_.forget(layout_.site_link("shop.test"));
  files_.forget("/run/nginx.pid");
  const auto said = status();
  EXPECT_FALSE(said["nginx"].get<bool>());
  EXPECT_THAT(said["problems"], IsEmpty());
}

// Two servers with the same file and the same release.
Json two_servers() {
  const Json site{{"domain", "shop.test"}, {"release", "r2"}, {"runs", true}};
  Json servers = Json::array();
  for (const char* name : {"uno", "duo"})
    servers.push_back({{"name", name}, {"reachable", true}, {"configuration", "abc"}, {"sites", Json::array({site})}});
  return servers;
}

Json compared(const Json& servers, const std::string& primary = "uno") {
  Json problems = Json::array();
  compare_servers(servers, primary, problems);
  return problems;
}

TEST(CompareServersTest, EqualServersHaveNoProblem) {
  EXPECT_THAT(compared(two_servers()), IsEmpty());
}

TEST(CompareServersTest, AnotherFileOnTheStandbyIsNamed) {
  auto servers = two_servers();
  servers[1]["configuration"] = "def";
  EXPECT_THAT(compared(servers), ElementsAre("tandem.toml on duo is not that on uno: `tandem plan` on the one that is "
                                             "right shows what is not applied"));
}

TEST(CompareServersTest, AnotherReleaseOrNoneOnTheStandbyIsNamed) {
  const std::string said =
      "duo has another release of shop.test than uno; it gets it with the next comparison of the files";
  auto servers = two_servers();
  servers[1]["sites"][0]["release"] = "r1";
  EXPECT_THAT(compared(servers), ElementsAre(said));
  servers[1]["sites"][0]["release"] = nullptr;
  EXPECT_THAT(compared(servers), ElementsAre(said));
}

TEST(CompareServersTest, ClockThatIsFarOffIsNamed) {
  const auto said = [](std::int64_t ahead) {
    auto servers = two_servers();
    servers[1]["clock_ahead_ms"] = ahead;
    Json problems = Json::array();
    compare_clocks(servers, problems);
    return problems.empty() ? std::string() : problems[0].get<std::string>();
  };
  EXPECT_EQ(said(0), "");
  EXPECT_EQ(said(-700), "") << "nothing that matters";
  EXPECT_TRUE(said(1500).starts_with("the clock of duo is 1.5 s ahead of this server's"));
  EXPECT_TRUE(said(3'600'000).starts_with("the clock of duo is 3600.0 s ahead of this server's"));
  EXPECT_TRUE(said(-60'000).starts_with("the clock of duo is 60.0 s behind this server's"));
}

TEST(CompareServersTest, WhoDoesNotAnswerIsNotCompared) {
  auto servers = two_servers();
  servers[1] = {{"name", "duo"}, {"reachable", false}};
  EXPECT_THAT(compared(servers), IsEmpty());
  EXPECT_THAT(compared(servers, "duo"), IsEmpty()) << "without the primary there is nothing to compare with";
  EXPECT_THAT(compared(two_servers(), "tre"), IsEmpty());
}

} // namespace
} // namespace tandem::agent
