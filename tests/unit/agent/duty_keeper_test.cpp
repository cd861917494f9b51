// What a server does by its role, as the agents of a pair decide it. The duties themselves are the test's.
#include "role_pair.hpp"

namespace tandem::agent {
namespace {

using testing::eventually;
using testing::RolePair;

struct DutyKeeperTest : RolePair {
  // Decided anew at least twice from now on, by the timer.
  static bool thinks_again(testing::RoleServer& server) {
    const auto before = server.stage.count("looked at");
    return eventually([&] { return server.stage.count("looked at") >= before + 2; });
  }
};

TEST_F(DutyKeeperTest, TheFirstServerServesAndTheOneThatJoinedFollows) {
  EXPECT_EQ(uno.stage.count("serving"), 1U);
  EXPECT_EQ(duo.stage.count("follow uno"), 1U);
  EXPECT_EQ(uno.status()["situation"], "serving");
  EXPECT_TRUE(thinks_again(uno));
  EXPECT_TRUE(thinks_again(duo));
  EXPECT_EQ(uno.stage.count("serve"), 1U) << "what is as it should be is left alone";
  EXPECT_EQ(duo.stage.count("serve"), 0U);
}

TEST_F(DutyKeeperTest, WithoutTheRightToServeNothingServesHoweverOftenItThinks) {
  duo.stop();
  uno.stop();
  ASSERT_TRUE(uno->files.remove(uno->run_folder() + "/entitled")); // as a boot empties /run
  ASSERT_TRUE(uno->files.write(marker_file, "", 0644, {}));        // and leaves this
  uno.stage.forget();
  uno.stage.server = role::ServerNow::stopped;
  uno.start();
  ASSERT_TRUE(thinks_again(uno));
  EXPECT_EQ(uno.status()["situation"], "waiting");
  EXPECT_EQ(uno.stage.count("serve"), 0U);
  EXPECT_EQ(uno->files.status(marker_file), std::nullopt) << "cron jobs would take it for the primary";
  EXPECT_EQ(uno.duty(), "");
  duo.start();
  EXPECT_TRUE(eventually([&] { return uno.duty() == "serve"; })) << "once the other has told that it may";
}

TEST_F(DutyKeeperTest, AnAgentThatStartsAgainOnTheSameBootGoesOnServingWithoutAsking) {
  duo.stop();
  uno.stop();
  uno.stage.forget();
  uno.start();
  EXPECT_TRUE(eventually([&] { return uno.duty() == "serve"; }));
  EXPECT_EQ(uno.stage.count("serving"), 1U) << "it makes sure of the rest once";
}

TEST_F(DutyKeeperTest, WhoLosesTheRightWhileItStartsToServeDoesNotServe) {
  uno.stop();
  uno.stage.forget();
  uno.stage.server = role::ServerNow::stopped;
  uno.stage.hold("serve");
  uno.start();
  ASSERT_TRUE(eventually([&] { return uno.stage.count("serve") == 1; }));
  ASSERT_TRUE(eventually([&] { return duo->sees("uno"); }));
  fail_over_behind_its_back();
  ASSERT_TRUE(eventually([&] { return uno.epoch() == 2; }));
  uno.stage.release("serve");
  ASSERT_TRUE(eventually([&] { return uno.duty() == "follow duo"; }));
  EXPECT_EQ(uno.stage.count("serving"), 0U);
}

TEST_F(DutyKeeperTest, WhoIsNoLongerPrimaryStopsBeforeItStoresAnythingAndBeforeItFollows) {
  uno.stage.forget();
  two.uno.files.on_write = [&](const std::string& path) { uno.stage.tell("wrote " + path); };
  fail_over_behind_its_back();
  ASSERT_TRUE(eventually([&] { return uno.duty() == "follow duo"; }));
  const auto stored = uno.stage.last("wrote /var/lib/tandem/role.json");
  const auto marker = uno.stage.last("wrote /primary_server");
  const auto gate = uno.stage.last("wrote " + uno->run_folder() + "/serving");
  const auto stop = uno.stage.last("stop writing");
  const auto follow = uno.stage.last("follow duo");
  ASSERT_TRUE(stored && marker && gate && stop && follow);
  EXPECT_LT(gate, stored);
  EXPECT_LT(marker, stored);
  EXPECT_LT(stop, follow);
  two.uno.files.on_write = nullptr;
}

TEST_F(DutyKeeperTest, WhoIsNoLongerPrimaryStopsAndFollowsEvenWhenItCannotStoreThat) {
  uno.stage.forget();
  two.uno.files.state_full = true;
  const auto stored = two.uno.files.read("/var/lib/tandem/role.json").value();
  fail_over_behind_its_back();
  EXPECT_TRUE(eventually([&] { return uno.duty() == "follow duo"; }));
  ASSERT_TRUE(uno.stage.last("stop writing") && uno.stage.last("follow duo"));
  EXPECT_LT(*uno.stage.last("stop writing"), *uno.stage.last("follow duo"));
  EXPECT_NE(uno.status().value("problem", ""), "") << "status tells of the disk";
  EXPECT_EQ(two.uno.files.read("/var/lib/tandem/role.json").value(), stored);
  two.uno.files.state_full = false;
  EXPECT_TRUE(eventually([&] { return !uno.status().contains("problem"); }));
  EXPECT_NE(two.uno.files.read("/var/lib/tandem/role.json").value(), stored);
}

TEST_F(DutyKeeperTest, ADutyThatFailsIsTriedAgainAtEachTickAndToldOnce) {
  duo.stop(); // so that only the timer makes it think
  uno.stop();
  uno.stage.forget();
  uno.stage.server = role::ServerNow::stopped;
  uno.stage.fails("serve", "the disk is full");
  uno.start();
  ASSERT_TRUE(eventually([&] { return uno.stage.count("serve") >= 5; }));
  EXPECT_EQ(uno.status()["duty_problem"], "the disk is full");
  const std::string told = "log: taking up the duty \"serve\": ";
  EXPECT_EQ(uno.stage.count(told + "the disk is full"), 1U);
  const auto times = uno.stage.times_of("serve");
  EXPECT_GE(times[4] - times[1], std::chrono::seconds(1)) << "by the timer, not in a circle";
  uno.stage.fails("serve", "the disk is gone");
  EXPECT_TRUE(eventually([&] { return uno.stage.count(told + "the disk is gone") == 1; })) << "another reason is told";
  uno.stage.fails("serve", "");
  ASSERT_TRUE(eventually([&] { return uno.duty() == "serve"; }));
  EXPECT_FALSE(uno.status().contains("duty_problem"));
}

TEST_F(DutyKeeperTest, WhoeverWorksOnTheDatabaseIsLetFinish) {
  uno.stop();
  uno.stage.forget();
  uno.stage.server = role::ServerNow::stopped;
  std::unique_lock<std::mutex> work;
  uno->bind = [&, bind = uno->bind](Settings& settings, std::vector<Operation>& operations) {
    bind(settings, operations);
    // Before the keeper is told that this server is a member.
    settings.on_member = [&work, on_member = settings.on_member](Agent& agent) {
      work = std::unique_lock(agent.database_work());
      on_member(agent);
    };
  };
  uno.start();
  for (int turn = 0; turn < 3; ++turn)
    uno.with([](DutyKeeper& keeper) { keeper.think(); });
  for (int turn = 0; turn < 3; ++turn)
    ASSERT_TRUE(uno->ask("status")); // whatever was given to the worker threads before is under way there
  EXPECT_EQ(uno.stage.count("looked at"), 0U);
  uno->loop().on([&] { work.unlock(); }); // a mutex is given back by the thread that took it
  EXPECT_TRUE(eventually([&] { return uno.duty() == "serve"; }));
}

} // namespace
} // namespace tandem::agent
