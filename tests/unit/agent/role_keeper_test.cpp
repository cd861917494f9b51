// The role as an agent keeps it: stored before anything follows from it, read again at its start.
#include "role_pair.hpp"

namespace tandem::agent {
namespace {

using testing::eventually;
using testing::RolePair;

struct RoleKeeperTest : RolePair {};

TEST_F(RoleKeeperTest, AGrantThatCannotBeStoredHasNotHappenedAndIsNotSent) {
  const auto grant = [](DutyKeeper& keeper) {
    return keeper.role().take({.kind = role::EventKind::grant_decided, .server = "duo"});
  };
  two.uno.files.cut_after = two.uno.files.writes.load();
  const auto outcome = uno.with(grant);
  EXPECT_TRUE(outcome.refused);
  EXPECT_EQ(uno.epoch(), 1U);
  // Messages keep their order: the grant would have reached duo before this answer came back.
  ASSERT_TRUE(uno->ask("status"));
  EXPECT_EQ(duo.epoch(), 1U);
  two.uno.files.cut_after = -1;
  ASSERT_TRUE(eventually([&] { return uno.duty() == "serve"; })) << "it may serve still, and finds out";
  EXPECT_FALSE(uno.with(grant).refused);
  EXPECT_TRUE(eventually([&] { return duo.epoch() == 2 && uno.duty() == "follow duo"; }));
}

TEST_F(RoleKeeperTest, APromiseThatCannotBeStoredIsNotGivenAndItServesOn) {
  const auto ask = [](DutyKeeper& keeper) {
    return keeper.role().take({.kind = role::EventKind::prepare, .insist = true});
  };
  two.uno.files.cut_after = two.uno.files.writes.load();
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(duo.with(ask).refused);
  ASSERT_TRUE(eventually([&] { return uno.status().contains("problem"); })) << "status tells of the disk";
  EXPECT_EQ(uno.duty(), "serve");
  EXPECT_EQ(uno.stage.count("stop writing"), 0U);
  two.uno.files.cut_after = -1;
  EXPECT_TRUE(eventually([&] { return !uno.status().contains("problem"); }));
  EXPECT_FALSE(duo.with(ask).refused);
  EXPECT_TRUE(eventually([&] { return uno.stage.count("stop writing") > 0; }));
}

TEST_F(RoleKeeperTest, AStartThatCannotBeStoredLeavesAllAsItIsAndIsTriedAgain) {
  uno.stop();
  uno.stage.forget();
  two.uno.files.state_full = true;
  uno.start();
  ASSERT_TRUE(eventually([&] { return uno.status().value("problem", "") != ""; }));
  EXPECT_EQ(uno.status()["situation"], "unknown");
  EXPECT_EQ(uno.stage.count("stop writing"), 0U);
  EXPECT_EQ(uno.stage.count("follow duo"), 0U);
  two.uno.files.state_full = false;
  EXPECT_TRUE(eventually([&] { return uno.duty() == "serve"; }));
  EXPECT_EQ(uno.stage.count("stop writing"), 0U);
}

TEST_F(RoleKeeperTest, TheEpochAndItsHistoryOutliveTheAgents) {
  fail_over_behind_its_back();
  ASSERT_TRUE(eventually([&] { return uno.duty() == "follow duo" && duo.duty() == "serve"; }));
  uno.stop();
  duo.stop();
  uno.start();
  duo.start();
  EXPECT_TRUE(eventually([&] { return uno.duty() == "follow duo" && duo.duty() == "serve"; }));
  EXPECT_EQ(uno.epoch(), 2U);
  EXPECT_EQ(duo.status()["history"].size(), 2U);
}

TEST_F(RoleKeeperTest, WithoutItsMemoryAServerServesNothingAndSaysWhy) {
  uno.stop();
  const std::string memory = "/var/lib/tandem/role.json";
  const auto kept = uno->files.read(memory).value();
  uno->put(memory, kept.substr(0, kept.size() / 2));
  uno.stage.forget();
  uno.start();
  const auto status = uno.status();
  EXPECT_EQ(status["situation"], "unknown");
  EXPECT_NE(status["problem"].get<std::string>().find(memory), std::string::npos) << status;
  EXPECT_EQ(uno.stage.count("looked at"), 0U);
  EXPECT_EQ(uno.stage.count("serve"), 0U);
  uno->put(memory, kept); // a disk that could not be read for a while
  EXPECT_TRUE(eventually([&] { return uno.duty() == "serve"; }));
  EXPECT_FALSE(uno.status().contains("problem"));
}

TEST_F(RoleKeeperTest, AMessageInAnothersNameIsRefused) {
  role::Message message{.kind = role::MessageKind::grant, .from = "tre", .to = "uno", .epoch = 9, .primary = "tre"};
  const auto sent = duo->loop().on([&] {
    auto answer = std::make_shared<std::promise<Result<Json>>>();
    duo->agent().network()->call("uno", "role.message", {{"message", role::encode(message)}}, {},
                                 [answer](const Result<Json>& result) { answer->set_value(result); });
    return answer->get_future().share();
  });
  ASSERT_FALSE(sent.get());
  EXPECT_EQ(sent.get().error().kind, ErrorKind::refused);
  EXPECT_EQ(uno.epoch(), 1U);
}

} // namespace
} // namespace tandem::agent
