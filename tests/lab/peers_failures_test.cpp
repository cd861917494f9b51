// What people suffered from in other systems, each under the name of its report. docs/reliability.md lists these and
// those that other tests show.
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class PeersFailures : public PairTest {
protected:
  static std::uint64_t epoch(const std::string& host) { return status_of(pair(), host, host).value("epoch", 0U); }

  static std::string address(const std::string& host) { return host == "uno" ? "10.77.0.11" : "10.77.0.12"; }

  static bool sees_no_other(const std::string& host) {
    const auto said = lab().run(host, {"tandem", "status", "--json"}, {.time_limit = std::chrono::seconds(15)});
    return said && said->ok() && said->output.find("does not answer") != std::string::npos;
  }
};

} // namespace

// Patroni #1593, #2625, #3403, #3550: a hiccup of what the servers decide with demoted a healthy primary. repmgr #821:
// the standby promoted itself although others saw the primary.
TEST_F(PeersFailures, Patroni1593Repmgr821AHiccupBetweenTheServersChangesNothingForVisitors) {
  const auto old = primary();
  const auto standby = other(old);
  const auto before = epoch(old);
  ASSERT_TRUE(pair().fetch(old, "/"));
  auto visitors = Visitors::come(
      lab(), {.tool = TANDEM_LOAD, .name = "hiccup", .connect = address(old), .rate = 60, .seconds = 45});
  ASSERT_TRUE(visitors) << visitors.error().message;
  ASSERT_TRUE((*visitors)->shop_for(2));
  ASSERT_OK(lab().partition(old, standby));
  EXPECT_TRUE(wait_until([&] { return sees_no_other(old) && sees_no_other(standby); }, soon));
  const auto refused = pair().try_tandem(standby, {"failover"});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 3) << "nobody has said that the primary is off";
  EXPECT_FALSE(holds_on(lab(), standby, "test -e /primary_server"));
  ASSERT_OK(lab().heal());
  EXPECT_EQ(wait_until_whole(), old);
  EXPECT_EQ(epoch(old), before);
  const auto left = (*visitors)->leave();
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(Json::parse(*left).at("failed"), 0);
}

// repmgr #42, #212, #766: the old primary came back writable.
TEST_F(PeersFailures, Repmgr42AnOldPrimaryThatComesBackTakesNoWrites) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  ASSERT_OK(lab().partition(old, now)); // nobody can tell it what has happened
  ASSERT_OK(lab().boot(old));
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), old, "tandem status"); }, soon));
  ASSERT_TRUE(
      wait_until([&] { return status_of(pair(), old, old)["role"].value("situation", "") == "waiting"; }, soon));
  EXPECT_FALSE(holds_on(lab(), old, "test -e /primary_server"));
  EXPECT_FALSE(holds_on(lab(), old, "runuser -u postgres -- psql -XAtqc 'create table written_alone(number int)'"));
  ASSERT_OK(lab().heal());
  EXPECT_EQ(wait_until_whole(), now);
  prove(now);
}

// CloudNativePG #11280: an isolated primary went on committing, and polite shutdowns waited for its sessions. Fencing
// comes before promotion, and no session holds it up.
TEST_F(PeersFailures, CloudNativePG11280APrimaryIsStoppedBeforeAnotherServesWhateverItsSessionsDo) {
  const auto old = primary();
  const auto now = other(old);
  sql(lab(), old, "create table if not exists long_one(number int)");
  auto session = std::async(std::launch::async, [&] {
    return lab().run(old, {"runuser", "-u", "postgres", "--", "psql", "-XAtqc",
                           "insert into long_one values (1); select pg_sleep(600)"});
  });
  ASSERT_TRUE(wait_until(
      [&] { return sql(lab(), old, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "1"; },
      soon));
  ASSERT_OK(pair().tandem(now, {"failover", "--stop-primary"}));
  const auto ended = session.get(); // it would sleep for ten minutes
  ASSERT_TRUE(ended);
  EXPECT_NE(ended->status, 0) << "a session of the old primary has committed";
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_EQ(sql(lab(), now, "select count(*) from long_one"), "0");
  prove(now);
}

// Patroni #941, #3652: pg_rewind failed, and the status went on saying that the server runs.
TEST_F(PeersFailures, Patroni941AServerWhoseRewindFailsIsNoHealthyOneAndIsCopiedAnew) {
  const auto old = primary();
  const auto now = other(old);
  const std::string rewind = "/usr/lib/postgresql/15/bin/pg_rewind";
  ASSERT_OK(lab().partition(old, now));
  sql(lab(), old, "create table if not exists parted(number int); insert into parted values (1)");
  on(lab(), old,
     "mv " + rewind + " " + rewind + ".away && printf '#!/bin/sh\\necho it cannot >&2\\nexit 1\\n' > " + rewind +
         " && chmod 755 " + rewind + " && sync");
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(lab().heal());
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  ASSERT_OK(lab().boot(old));
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_TRUE(holds_on(lab(), old, "journalctl -u tandem | grep -q 'it cannot'"))
      << "the rewind's own words are not told";
  EXPECT_TRUE(holds_on(lab(), old, "ls -d /var/lib/postgresql/15/main.before-*")) << "what it had is not kept";
  EXPECT_THAT(pair().tandem(old, {"events"}).value_or(""), HasSubstr("main.before-"));
  on(lab(), old, "mv " + rewind + ".away " + rewind);
  prove(now);
}

} // namespace tandem::lab
