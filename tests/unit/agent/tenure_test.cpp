// Work that takes long, and a role that ends meanwhile.
#include "agent/tenure.hpp"
#include "role_pair.hpp"

namespace tandem::agent {
namespace {

using testing::eventually;
using testing::RolePair;

// Notes what is started. Stops nothing.
class NotedServices : public system::Services {
public:
  std::vector<std::string> calls;

  Result<system::UnitStatus> status(const std::string& /*unit*/) override { return system::UnitStatus{}; }

  Result<std::vector<system::LoadedUnit>> loaded(const std::string& /*pattern*/) override { return {}; }

  Result<void> begin(system::UnitDeed deed, const std::string& unit) override {
    return deed == system::UnitDeed::stop ? stop(unit) : start(unit);
  }

  Result<void> signal(const std::string& /*unit*/, int /*number*/) override { return {}; }

  Result<void> start(const std::string& unit) override { return note("start " + unit); }

  Result<void> stop(const std::string& unit) override { return note("stop " + unit); }

  Result<void> restart(const std::string& unit) override { return note("restart " + unit); }

  Result<void> reload(const std::string& unit) override { return note("reload " + unit); }

  Result<void> enable(const std::string& unit) override { return note("enable " + unit); }

  Result<void> disable(const std::string& unit) override { return note("disable " + unit); }

  Result<void> reload_manager() override { return note("reload-manager"); }

private:
  Result<void> note(const std::string& call) {
    calls.push_back(call);
    return {};
  }
};

bool never() {
  return false;
}

struct TenureTest : RolePair {};

TEST_F(TenureTest, LastsAsLongAsTheRoleDoes) {
  const auto of_uno = Tenure::begin(uno->agent(), never);
  const auto of_duo = Tenure::begin(duo->agent(), never);
  ASSERT_TRUE(of_uno && of_duo);
  EXPECT_EQ(of_duo->standing().primary, "uno");
  EXPECT_TRUE(of_uno->still());
  EXPECT_TRUE(of_duo->still());
  fail_over_behind_its_back();
  EXPECT_EQ(of_duo->still().error().kind, ErrorKind::refused) << "it is the primary now";
  ASSERT_TRUE(eventually([&] { return uno.epoch() == 2; }));
  EXPECT_EQ(of_uno->still().error().kind, ErrorKind::refused);
}

TEST_F(TenureTest, EndsWithTheRoleThoughThatCannotBeStored) {
  const auto tenure = Tenure::begin(uno->agent(), never);
  two.uno.files.cut_after = two.uno.files.writes.load();
  fail_over_behind_its_back();
  ASSERT_TRUE(eventually([&] { return uno.stage.count("stop writing") > 0; }));
  EXPECT_FALSE(tenure->still());
  two.uno.files.cut_after = -1;
}

TEST_F(TenureTest, EndsWhenARunbookBegins) {
  const auto of_uno = Tenure::begin(uno->agent(), never);
  const auto of_duo = Tenure::begin(duo->agent(), never);
  uno.stage.hold("preflight action");
  begin();
  EXPECT_FALSE(of_uno->still());
  EXPECT_TRUE(eventually([&] { return !of_duo->still(); }));
  uno.stage.release("preflight action");
}

TEST_F(TenureTest, IsWaitedForAfterABoot) {
  duo.stop();
  uno.stop();
  ASSERT_TRUE(uno->files.remove(uno->run_folder() + "/entitled")); // as a boot empties /run
  uno.start();
  auto begun = std::async(std::launch::async, [&] { return Tenure::begin(uno->agent(), never).has_value(); });
  duo.start();
  EXPECT_TRUE(begun.get());
}

TEST_F(TenureTest, OnDutyIsWhoServesOrFollows) {
  const auto on_duty = [](testing::RoleServer& server) {
    return server->loop().on([&] { return server->agent().on_duty(); });
  };
  EXPECT_TRUE(eventually([&] { return on_duty(uno) && on_duty(duo); }));
  duo.stage.server = role::ServerNow::stopped; // its PostgreSQL has died
  duo.stage.fails("follow uno", "the disk is full");
  EXPECT_TRUE(eventually([&] { return !on_duty(duo); }));
  duo.stage.fails("follow uno", "");
  EXPECT_TRUE(eventually([&] { return on_duty(duo); }));
  uno.stage.hold("preflight action");
  begin();
  EXPECT_TRUE(eventually([&] { return !on_duty(uno); })) << "what a runbook does goes first";
  uno.stage.release("preflight action");
}

// A unit that ends slowly holds the connection over which it is stopped; who only asks must not wait for that.
TEST(LockedServices, AnswerWhileAnotherThreadStopsSomething) {
  class SlowServices final : public NotedServices {
  public:
    std::binary_semaphore stopping{0};
    std::binary_semaphore may_end{0};

    Result<void> stop(const std::string& unit) override {
      stopping.release();
      may_end.acquire();
      return NotedServices::stop(unit);
    }
  };

  SlowServices slow;
  NotedServices questions;
  LockedServices locked(slow, &questions);
  std::jthread stopper([&] { EXPECT_TRUE(locked.stop("endless")); });
  slow.stopping.acquire();
  EXPECT_TRUE(locked.status("endless"));
  EXPECT_TRUE(locked.loaded("*"));
  slow.may_end.release();
}

TEST(AllowedServices, StartNothingOnceTheyMayNotAndStopAllTheSame) {
  NotedServices real;
  LockedServices locked(real);
  bool may = true;
  AllowedServices services(
      locked, [&]() -> Result<void> { return may ? Result<void>() : fail(ErrorKind::refused, "not any more"); });
  ASSERT_TRUE(services.start("a"));
  may = false;
  EXPECT_EQ(services.start("b").error().message, "not any more");
  EXPECT_FALSE(services.restart("b"));
  EXPECT_FALSE(services.reload("b"));
  EXPECT_TRUE(services.stop("a"));
  EXPECT_EQ(real.calls, (std::vector<std::string>{"start a", "stop a"}));
}

} // namespace
} // namespace tandem::agent
