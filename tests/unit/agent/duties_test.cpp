// What a server's duties do to PostgreSQL, over the real implementation.
#include "agent/duties.hpp"
#include "support.hpp"

namespace tandem::agent {
namespace {

using testing::Two;

class NoApplications final : public system::Applications {
public:
  Result<system::Answer> ask(const std::string& /*socket*/, const system::Question& /*question*/) override {
    return fail(ErrorKind::unavailable, "nothing answers");
  }

  Result<bool> wait_calm(const std::vector<std::string>& /*sockets*/, std::chrono::milliseconds /*young*/,
                         std::chrono::milliseconds /*limit*/) override {
    return true;
  }

  Result<bool> wait_idle(const std::string& /*socket*/, std::chrono::milliseconds /*limit*/) override { return true; }
};

struct DutiesTest : ::testing::Test {
  Two two;
  NoApplications applications;
  std::unique_ptr<Duties> duties;
  const std::string unit = "postgresql@15-main.service";

  void SetUp() override {
    two.uno.put("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
    two.uno.start();
    ASSERT_TRUE(two.uno.ask("init"));
    two.uno.services().put(unit, "active", "static");
    duties = make_duties(two.uno.agent(), applications);
  }

  void put_database() {
    two.uno.put("/etc/postgresql/15/main/postgresql.conf", "");
    two.uno.put("/var/lib/postgresql/15/main/PG_VERSION", "15");
  }
};

TEST_F(DutiesTest, APostgresThatIsNoStandbyIsStoppedWithoutAskingIt) {
  put_database();
  two.uno.databases().running = true;
  ASSERT_TRUE(duties->stop_writing());
  EXPECT_EQ(two.uno.services().calls, (std::vector<std::string>{"stop " + unit}));
  EXPECT_TRUE(two.uno.databases().statements.empty()) << "a statement that waits for a lock would keep it waiting";
}

TEST_F(DutiesTest, AlsoWhenItDoesNotAnswerSinceSomebodyMayBeStartingIt) {
  put_database();
  two.uno.databases().running = false;
  ASSERT_TRUE(duties->stop_writing());
  EXPECT_EQ(two.uno.services().calls, (std::vector<std::string>{"stop " + unit}));
}

TEST_F(DutiesTest, WhereNoneIsSetUpNothingIsStopped) {
  ASSERT_TRUE(duties->stop_writing());
  EXPECT_TRUE(two.uno.services().calls.empty());
}

TEST_F(DutiesTest, WhoMayNotServeAnyMoreStartsNothing) {
  put_database();
  std::atomic<int> asked = 0;
  const auto served = duties->serve([&] { return ++asked == 1; }); // until it is asked for the second time
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().kind, ErrorKind::refused);
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(two.uno.services().calls.empty());
}

// The right is lost while PostgreSQL is being promoted: who stops it then finds a standby still.
TEST_F(DutiesTest, APromotionWhoseRightIsLostMeanwhileEndsStopped) {
  put_database();
  auto& databases = two.uno.databases();
  databases.running = true;
  bool promoted = false;
  databases.answer = [&](const std::string& statement) -> std::vector<system::Row> {
    if (statement.contains("pg_promote")) promoted = true;
    if (statement == "select pg_is_in_recovery()") return {{promoted ? "f" : "t"}};
    return {};
  };
  auto& ports = two.uno.agent().ports();
  const replication::DatabaseTools tools{.files = ports.files,
                                         .processes = ports.processes,
                                         .services = ports.services,
                                         .databases = ports.databases,
                                         .clock = ports.clock,
                                         .layout = system::postgres_layout(15),
                                         .self = "uno",
                                         .pause = [](std::chrono::milliseconds) { return true; }};
  const auto still = [&]() -> Result<void> { return promoted ? fail(ErrorKind::refused, "no more") : Result<void>(); };
  const auto done = promote_while(two.uno.agent(), tools, {}, still, std::chrono::seconds(10));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "no more");
  EXPECT_EQ(two.uno.services().calls, (std::vector<std::string>{"stop " + unit}));
  two.uno.services().calls.clear();
  EXPECT_FALSE(promote_while(two.uno.agent(), tools, {}, still, std::chrono::seconds(10)));
  EXPECT_TRUE(two.uno.services().calls.empty()) << "nothing is begun without the right";
}

} // namespace
} // namespace tandem::agent
