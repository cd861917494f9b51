// An apply that stands still where the file says so.
#include "agent/halt.hpp"
#include "fakes/server.hpp"

#include <gtest/gtest.h>

namespace tandem::agent {
namespace {

using converge::Moment;

// One apply's points; what it tells, and what the test does each time that it looks at the file.
struct HaltedApply {
  fakes::Server server;
  std::vector<std::string> told;
  int looks = 0;
  std::function<void()> at_look = [] {};
  bool ends = false;
  Result<void> permission;
  ApplyHalts halts{Halting(
                       HaltFile(server.files, "/run"), [this](const std::string& line) { told.push_back(line); },
                       [this] {
                         ++looks;
                         at_look();
                         return ends;
                       }),
                   {.go_on = [this] { return permission; }, .wait = [this] { return permission.has_value(); }}};

  Result<void> reach(Moment moment, const std::string& id) { return halts.reached(moment, {.id = id}); }
};

TEST(Halt, WithoutTheFileNothingStandsStill) {
  HaltedApply halting;
  EXPECT_TRUE(halting.reach(Moment::before, "file /a"));
  EXPECT_TRUE(halting.reach(Moment::after, "file /a"));
  EXPECT_TRUE(halting.told.empty());
}

TEST(Halt, AnApplyStandsStillAtTheChangeAndMomentThatTheFileNamesUntilItIsGone) {
  HaltedApply halting;
  halting.server.files.put("/run/halt", "apply after 2\n");
  halting.at_look = [&] {
    if (halting.looks < 3) return;
    EXPECT_TRUE(halting.server.files.remove("/run/halt"));
  };
  for (const std::string id : {"file /a", "file /b"}) {
    EXPECT_TRUE(halting.reach(Moment::before, id));
    EXPECT_EQ(halting.looks, 0);
    EXPECT_TRUE(halting.reach(Moment::after, id));
  }
  EXPECT_EQ(halting.looks, 3);
  EXPECT_EQ(halting.told, (std::vector<std::string>{"stands still after file /b, as long as /run/halt says so"}));
  EXPECT_TRUE(halting.reach(Moment::after, "file /c"));
  EXPECT_EQ(halting.told.size(), 1U);
}

TEST(Halt, BeforeAChangeWorksTheSameWayAndAnotherPointLetsItGoOnToThere) {
  HaltedApply halting;
  halting.server.files.put("/run/halt", "apply before 1");
  halting.at_look = [&] {
    halting.server.files.put("/run/halt", halting.looks == 1 ? "apply after 1" : "drain after");
  };
  EXPECT_TRUE(halting.reach(Moment::before, "file /a"));
  EXPECT_EQ(halting.looks, 1);
  EXPECT_TRUE(halting.reach(Moment::after, "file /a"));
  EXPECT_EQ(halting.looks, 2);
  EXPECT_TRUE(halting.told.back().starts_with("stands still after file /a"));
}

TEST(Halt, WhetherItMayGoOnOrWaitIsAskedOfWhoeverBeganIt) {
  HaltedApply halting;
  EXPECT_TRUE(halting.halts.may_wait());
  EXPECT_TRUE(halting.halts.may_go_on());
  halting.permission = fail(ErrorKind::refused, "the role has changed");
  EXPECT_FALSE(halting.halts.may_wait());
  EXPECT_EQ(halting.halts.may_go_on().error().message, "the role has changed");
  EXPECT_TRUE(halting.reach(Moment::before, "file /a")) << "to stand still there is another matter";
}

TEST(Halt, AnAgentThatStopsEndsTheApplyThere) {
  HaltedApply halting;
  halting.server.files.put("/run/halt", "apply after 1");
  halting.ends = true;
  const auto reached = halting.reach(Moment::after, "file /a");
  ASSERT_FALSE(reached);
  EXPECT_EQ(reached.error().kind, ErrorKind::unavailable);
}

} // namespace
} // namespace tandem::agent
