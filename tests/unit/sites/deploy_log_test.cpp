#include "sites/deploy_log.hpp"
#include "world.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

namespace {

using ::testing::EndsWith;
using ::testing::Gt;
using ::testing::HasSubstr;

const std::string log_domain = "janome.club";

struct Logged : ::testing::Test {
  Logged() {
    for (const auto* folder : {"/var/lib/tandem"})
      world.files.nodes[folder] = {system::FileType::folder, 0700, {}, {}};
  }

  DeployLog log(const std::string& who = "nikolays") {
    return {world.tools(),
            log_domain,
            {.what = "deploy", .who = who, .from_release = "20261124083010-aaaaaaa"},
            [this](const std::string& problem) { problems.push_back(problem); }};
  }

  std::vector<DeployRecord> list(bool at_work = false) {
    auto records = logs.list(log_domain, at_work);
    EXPECT_TRUE(records);
    return records ? *records : std::vector<DeployRecord>{};
  }

  World world;
  DeployLogs logs{world.files, Layout{}};
  std::vector<std::string> problems;
};

} // namespace

TEST(DeployRecords, AreReadAsTheyWereWrittenAndAtNoShorterLength) {
  const DeployRecord record{.number = 7,
                            .what = "rollback",
                            .who = "nikolays",
                            .wanted = "85e57f8",
                            .began = 1'795'509'000,
                            .ended = 1'795'509'012,
                            .from_release = "a",
                            .from_commit = "b",
                            .to_release = "c",
                            .to_commit = "d",
                            .outcome = "failed",
                            .failure = "it said \"no\"",
                            .warnings = {"one"}};
  const auto text = to_text(record);
  const auto read = deploy_record_from(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, record);
  for (std::size_t length = 0; length + 2 < text.size(); ++length)
    EXPECT_EQ(deploy_record_from(text.substr(0, length)).error().kind, ErrorKind::invalid) << length;
}

TEST(DeployRecords, WhatAProgramSaidNeedNotBeUtf8) {
  const auto read = deploy_record_from(to_text(DeployRecord{.failure = "caf\xe9"}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->failure, HasSubstr("caf"));
}

TEST_F(Logged, OneThatWentWellTellsWhoAskedWhatCameAndWhatWasSaid) {
  auto one = log();
  one.line("fetching");
  one.chosen({.id = "20261124083020-bbbbbbb", .commit = std::string(40, 'b')});
  EXPECT_EQ(list(true).front().outcome, "running");
  world.clock.now += std::chrono::seconds(12);
  one.done({"the standby does not answer"});
  const auto records = list();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].number, 1U);
  EXPECT_EQ(records[0].who, "nikolays");
  EXPECT_EQ(records[0].from_release, "20261124083010-aaaaaaa");
  EXPECT_EQ(records[0].to_release, "20261124083020-bbbbbbb");
  EXPECT_EQ(records[0].outcome, "done");
  EXPECT_EQ(records[0].ended - records[0].began, 12);
  EXPECT_EQ(*logs.text(log_domain, 1), "08:30:00 fetching\n08:30:12 warning: the standby does not answer\n"
                                       "08:30:12 deploy done\n");
  EXPECT_EQ(world.files.nodes.at("/var/lib/tandem/deploys/janome.club/000001.log").mode, 0600U);
  EXPECT_TRUE(problems.empty());
}

TEST_F(Logged, LinesThatFollowAtOnceGoToTheDiskTogether) {
  auto one = log();
  one.line("first");
  one.line("second");
  EXPECT_EQ(*logs.text(log_domain, 1), "08:30:00 first\n");
  one.flush();
  EXPECT_EQ(*logs.text(log_domain, 1), "08:30:00 first\n08:30:00 second\n");
}

TEST_F(Logged, OneThatFailedTellsWhyAndTheNextHasTheNextNumber) {
  log().failed("pip says\nno");
  auto next = log("andrey");
  const auto records = list(true);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].number, 2U);
  EXPECT_EQ(records[1].failure, "pip says\nno");
  EXPECT_THAT(*logs.text(log_domain, 1), EndsWith("deploy failed: pip says\n08:30:00 no\n"));
  EXPECT_EQ(logs.find(log_domain, 3, false).error().kind, ErrorKind::not_found);
}

TEST_F(Logged, OneWhoseAgentDiedWasCutOff) {
  log().line("building");
  EXPECT_EQ(list(true).front().outcome, "running");
  EXPECT_EQ(list(false).front().outcome, "cut off");
  log().done({});
  const auto records = list(true);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].outcome, "cut off") << "somebody is at work, but not on that one";
  EXPECT_THAT(world.files.nodes.at("/var/lib/tandem/deploys/janome.club/000001.json").content, HasSubstr("cut off"));
}

TEST_F(Logged, TheLatestFiftyAreKeptAndNoNumberIsUsedTwice) {
  for (int i = 0; i < 60; ++i)
    log().done({});
  const auto records = list();
  EXPECT_EQ(records.size(), DeployLogs::most_kept);
  EXPECT_EQ(records.front().number, 60U);
  EXPECT_EQ(records.back().number, 11U);
  EXPECT_EQ(world.files.below("/var/lib/tandem/deploys/janome.club").size(), 1 + 2 * DeployLogs::most_kept);
}

TEST_F(Logged, ADamagedRecordIsListedAsSuchAndStopsNothing) {
  log().done({});
  world.files.nodes.at("/var/lib/tandem/deploys/janome.club/000001.json").content = "{";
  EXPECT_EQ(list().front().outcome, "damaged");
  log().done({});
  EXPECT_EQ(list().front().number, 2U);
}

TEST_F(Logged, ADiskThatTakesNothingIsToldOnceAndTheDeployGoesOn) {
  auto one = log();
  world.files.full = {"/var/lib/tandem/deploys/janome.club/000001.log"};
  one.line("first");
  one.line("second");
  one.done({});
  EXPECT_EQ(problems.size(), 1U);
  EXPECT_EQ(list().front().outcome, "done");
  world.files.full = {"/var/lib/tandem/deploys/janome.club/000002.json"};
  auto next = log();
  next.line("first");
  next.failed("no room");
  EXPECT_EQ(problems.size(), 2U);
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(Logged, WhatIsSaidWithoutEndIsNotKeptWithoutEnd) {
  auto one = log();
  for (int i = 0; i < 600; ++i)
    one.line(std::string(10'000, 'x'));
  one.failed("too much");
  const auto text = *logs.text(log_domain, 1);
  EXPECT_THAT(text.size(),
              ::testing::AllOf(Gt(DeployLog::most_text - 20'000), ::testing::Lt(DeployLog::most_text + 1000)));
  EXPECT_THAT(text, HasSubstr("more was said than is kept"));
  EXPECT_EQ(list().front().failure, "too much");
}

TEST_F(Logged, CutOffAtAnyChangeTheNextDeployIsListedAndNumberedOn) {
  for (int changes = 0; changes < 8; ++changes) {
    World cut;
    cut.files.nodes["/var/lib/tandem"] = {system::FileType::folder, 0700, {}, {}};
    const auto write = [&] {
      DeployLog one(cut.tools(), log_domain, {.what = "deploy", .who = "a"}, [](const std::string&) {});
      one.line("fetching");
      one.chosen({.id = "c", .commit = "d"});
      one.done({});
    };
    write();
    cut.power.cut_after(changes);
    EXPECT_NO_FATAL_FAILURE({
      try {
        write();
      } catch (const PowerCut&) {
      }
    });
    cut.power.restore();
    write();
    DeployLogs kept(cut.files, Layout{});
    const auto records = *kept.list(log_domain, false);
    EXPECT_GE(records.size(), 2U) << changes;
    EXPECT_EQ(records.front().outcome, "done");
    EXPECT_EQ(records.back().number, 1U);
    for (const auto& record : records)
      EXPECT_TRUE(record.outcome == "done" || record.outcome == "cut off") << record.outcome << " after " << changes;
  }
}

TEST_F(Logged, ADeployNamesItsReleaseBeforeItIsBuilt) {
  world.push('a');
  world.failing = "virtualenv";
  std::string chosen;
  world.peers.chosen = [&](const Release& release) { chosen = release.commit; };
  EXPECT_FALSE(world.deploy());
  EXPECT_EQ(chosen, std::string(40, 'a'));
}

} // namespace tandem::sites
