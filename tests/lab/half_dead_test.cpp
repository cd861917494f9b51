// A failover whose old primary is neither well nor gone.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class HalfDead : public PairTest {
protected:
  static void expect_refused(const std::string& host, const std::vector<std::string>& arguments,
                             const std::string& why) {
    std::vector<std::string> command{"failover"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto done = pair().try_tandem(host, command);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->status, 3) << done->output << done->errors;
    EXPECT_THAT(done->errors, HasSubstr(why));
    EXPECT_FALSE(holds_on(lab(), host, "test -e /primary_server"));
  }

  // What the messages ask for: the operator switches the old one off, and says so.
  static void switch_off_and_fail_over(const std::string& old) {
    const auto now = other(old);
    ASSERT_OK(lab().cut(old));
    ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
    EXPECT_TRUE(pair().fetch(now, "/"));
    ASSERT_OK(lab().boot(old));
    EXPECT_EQ(wait_until_whole(), now);
    prove(now);
  }

  // The agent has a /tmp of its own, and with it its own view of the mounts.
  static void in_the_agents_mounts(const std::string& host, const std::string& command) {
    on(lab(), host, "nsenter -m -t $(systemctl show -P MainPID tandem) sh -c '" + command + "'");
  }

  // Gives it back the disk that it has.
  static void switch_off_and_return(const std::string& old) {
    ASSERT_OK(lab().cut(old));
    ASSERT_OK(lab().boot(old));
    EXPECT_EQ(wait_until_whole(), other(old));
    prove(other(old));
  }
};

} // namespace

TEST_F(HalfDead, AnAgentThatIsDeadWhilePostgresLives) {
  const auto old = primary();
  on(lab(), old, "systemctl stop tandem");
  expect_refused(other(old), {}, "--alone " + old);
  expect_refused(other(old), {"--alone", old}, "is not off: it answers at");
  EXPECT_TRUE(pair().fetch(old, "/")) << "visitors are served meanwhile";
  sql(lab(), old, "create table if not exists half_dead(number int); insert into half_dead values (1)");
  switch_off_and_fail_over(old);
}

// As on a machine that swaps itself to death: connections are taken, and nobody answers.
TEST_F(HalfDead, AServerThatHangs) {
  const auto old = primary();
  ASSERT_OK(lab().freeze(old));
  expect_refused(other(old), {}, "--alone " + old);
  expect_refused(other(old), {"--alone", old}, "is not off: it answers at");
  switch_off_and_fail_over(old);
}

TEST_F(HalfDead, AStateFolderThatIsReadOnly) {
  const auto old = primary();
  in_the_agents_mounts(old, "mount --bind /var/lib/tandem /var/lib/tandem && "
                            "mount -o remount,ro,bind /var/lib/tandem && ! touch /var/lib/tandem/probe");
  expect_refused(other(old), {"--stop-primary"}, "Read-only file system");
  EXPECT_TRUE(pair().fetch(old, "/")) << "what it cannot promise costs nobody anything";
  switch_off_and_fail_over(old);
}

TEST_F(HalfDead, ADiskThatIsFull) {
  const auto old = primary();
  in_the_agents_mounts(old, "mkdir /tmp/kept && cp -a /var/lib/tandem/. /tmp/kept && "
                            "mount -t tmpfs -o size=64k,mode=700 tmpfs /var/lib/tandem && "
                            "cp -a /tmp/kept/role.json /var/lib/tandem && "
                            "! dd if=/dev/zero of=/var/lib/tandem/full bs=4k 2>/dev/null");
  expect_refused(other(old), {"--stop-primary"}, "No space left on device");
  EXPECT_TRUE(pair().fetch(old, "/"));
  in_the_agents_mounts(old, "rm /var/lib/tandem/full");
  ASSERT_OK(pair().tandem(other(old), {"failover", "--stop-primary"}));
  EXPECT_TRUE(pair().fetch(other(old), "/"));
  switch_off_and_return(old);
}

TEST_F(HalfDead, APostgresThatIsDeadWhileTheAgentLives) {
  const auto old = primary();
  const auto now = other(old);
  on(lab(), old, "systemctl mask --runtime --now postgresql@15-main");
  ASSERT_TRUE(wait_until(
      [&] {
        const auto status = status_of(pair(), now, old);
        return status.is_object() && status.value("database", Json::object()).value("state", "") == "stopped";
      },
      soon));
  ASSERT_OK(pair().tandem(now, {"failover"}));
  EXPECT_TRUE(pair().fetch(now, "/"));
  on(lab(), old, "systemctl unmask --runtime postgresql@15-main");
  EXPECT_EQ(wait_until_whole(), now);
  prove(now);
}

} // namespace tandem::lab
