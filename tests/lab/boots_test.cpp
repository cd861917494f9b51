// What servers do after a boot: nothing serves before it knows its role.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

namespace {

class Boots : public PairTest {
protected:
  static void write(const std::string& host, const std::string& what) {
    sql(lab(), host, "create table if not exists booted(what text); insert into booted values ('" + what + "')");
  }

  static bool has(const std::string& host, const std::string& what) {
    return holds_on(lab(), host,
                    "runuser -u postgres -- psql -XAtqc \"select 1 from booted where what = '" + what +
                        "'\" | grep -q 1");
  }

  // No visitor is let in, no cron job takes it for the primary, and nothing can be written.
  static void expect_serves_nothing(const std::string& host) {
    EXPECT_FALSE(holds_on(lab(), host, "test -e /run/tandem/serving"));
    EXPECT_FALSE(holds_on(lab(), host, "test -e /primary_server"));
    EXPECT_FALSE(holds_on(lab(), host, "runuser -u postgres -- psql -XAtqc 'select pg_is_in_recovery()' | grep -q f"));
  }
};

} // namespace

TEST_F(Boots, BothServersAtOnceEndAsTheyWere) {
  const auto serving = primary();
  write(serving, "before both");
  ASSERT_OK(lab().cut(other(serving)));
  ASSERT_OK(lab().cut(serving));
  auto standby = std::async(std::launch::async, [&] { return lab().boot(other(serving)); });
  ASSERT_OK(lab().boot(serving));
  ASSERT_OK(standby.get());
  EXPECT_EQ(wait_until_whole(), serving);
  EXPECT_TRUE(has(serving, "before both"));
  prove(serving);
}

TEST_F(Boots, TheStandbyAloneCatchesUpAndVisitorsDoNotNotice) {
  const auto serving = primary();
  ASSERT_OK(lab().cut(other(serving)));
  write(serving, "while it was away");
  EXPECT_TRUE(pair().fetch(serving, "/"));
  ASSERT_OK(lab().boot(other(serving)));
  EXPECT_EQ(wait_until_whole(), serving);
  EXPECT_TRUE(wait_until([&] { return has(other(serving), "while it was away"); }, soon));
  prove(serving);
}

// Nobody has asked for a failover: the standby waits, and the primary goes on where it was.
TEST_F(Boots, ThePrimaryAloneServesAgainOnceTheStandbyHasToldThatItMay) {
  const auto serving = primary();
  write(serving, "before the primary");
  ASSERT_OK(lab().cut(serving));
  expect_serves_nothing(other(serving));
  ASSERT_OK(lab().boot(serving));
  EXPECT_EQ(wait_until_whole(), serving);
  EXPECT_TRUE(has(serving, "before the primary"));
  prove(serving);
}

// Its epoch is a stale one, and it cannot be told: as far as it knows it is the primary.
TEST_F(Boots, AnOldPrimaryThatIsCutOffFromTheNewOneServesNothing) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  ASSERT_OK(lab().partition(old, now));
  ASSERT_OK(lab().boot(old));
  const auto waits = [&] {
    const auto status = status_of(pair(), old, old);
    return status.is_object() && status.value("role", Json::object()).value("situation", "") == "waiting";
  };
  ASSERT_TRUE(wait_until(waits, soon));
  expect_serves_nothing(old);
  EXPECT_FALSE(pair().fetch(old, "/"));
  write(now, "on the new one");
  EXPECT_TRUE(waits()) << "it goes on waiting";
  ASSERT_OK(lab().heal());
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_TRUE(has(old, "on the new one"));
  prove(now);
}

} // namespace tandem::lab
