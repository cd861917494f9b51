// Celery: workers and beat on the primary alone; no task is lost, none done twice.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

constexpr auto* celery = R"([site.celery]
app = "shop"
beat = true
[[site.celery.worker]]
name = "default"
concurrency = 2
[[site.celery.worker]]
name = "letters"
queues = ["letters"]
)";

constexpr auto* worker = "tandem-worker-shop.test:default.service";
constexpr auto* beat = "tandem-beat-shop.test.service";
constexpr std::chrono::minutes all_tasks{3};

class Workers : public PairTest {
protected:
  void prepare() override {
    apply(shop_toml({.more = celery}));
    ASSERT_OK(pair().tandem(primary(), {"deploy", "shop.test"}));
  }

  void SetUp() override {
    PairTest::SetUp();
    const auto host = primary();
    for (const auto* unit : {worker, beat})
      ASSERT_TRUE(wait_until([&] { return is_active(host, unit); }, soon)) << on(lab(), host, "tandem status");
    sql(host, "delete from orders_work");
  }

  static bool is_active(const std::string& host, const std::string& unit) {
    return holds_on(lab(), host, "systemctl is-active -q '" + unit + "'");
  }

  static std::string sql(const std::string& host, const std::string& query) {
    return on(lab(), host, "cd / && sudo -u postgres psql -d shop -Atc \"" + query + "\"");
  }

  static int number(const std::string& host, const std::string& query) { return std::stoi(sql(host, query)); }

  // As the site's own code does it.
  static void put_tasks(const std::string& host, int first, int last, double seconds) {
    on(lab(), host,
       fmt::format(
           "cd /www/shop.test && set -a && . /var/lib/tandem/sites/shop.test/current.env && sudo -E -u nikolays "
           "env/bin/python manage.py work {} {} --seconds {}",
           first, last, seconds));
  }

  static int done(const std::string& host) {
    return number(host, "select count(distinct number) from orders_work where name = 'count'");
  }

  static int done_twice(const std::string& host) {
    return number(host, "select count(*) - count(distinct number) from orders_work where name = 'count'");
  }

  static std::string told(const std::string& host) { return on(lab(), host, "tandem status 2>&1 || true"); }
};

} // namespace

TEST_F(Workers, RunOnThePrimaryAloneAsTheSitesOwner) {
  const auto host = primary();
  put_tasks(host, 1, 20, 0);
  EXPECT_TRUE(wait_until([&] { return done(host) == 20; }, soon))
      << on(lab(), host, "journalctl -q -n 30 -u tandem-worker-*");
  EXPECT_EQ(sql(host, "select distinct server from orders_work"), host);
  EXPECT_EQ(on(lab(), host, "ps -o user= -p $(systemctl show -p MainPID --value '" + std::string(worker) + "')"),
            "nikolays");
  EXPECT_FALSE(holds_on(lab(), other(host), "pgrep -f 'celery --app'"));
  on(lab(), other(host), std::string("systemctl start '") + worker + "'");
  EXPECT_FALSE(holds_on(lab(), other(host), "pgrep -f 'celery --app'")) << "not even by hand";
}

TEST_F(Workers, ASwitchoverLosesNoTaskAndDoublesNone) {
  const auto old = primary();
  const auto now = other(old);
  put_tasks(old, 1, 1000, 0.01);
  ASSERT_TRUE(wait_until([&] { return done(old) > 50; }, soon));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_FALSE(holds_on(lab(), old, "pgrep -f 'celery --app'"));
  EXPECT_TRUE(wait_until([&] { return done(now) == 1000; }, all_tasks)) << done(now) << " of 1000 done";
  EXPECT_EQ(done_twice(now), 0) << sql(now,
                                       "select number, server, done from orders_work where number in (select number "
                                       "from orders_work where name = 'count' group by number having count(*) > 1) "
                                       "and name = 'count' order by 1, 3")
                                << on(lab(), old, "journalctl -q -n 60 -o short-precise -u 'tandem-worker-*'");
  EXPECT_EQ(number(now, "select count(distinct server) from orders_work where name = 'count'"), 2)
      << "both had their part";
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Workers, ATaskThatRunsOnIsCutWhereThatIsWishedAndGoesBackToTheQueue) {
  const auto old = primary();
  const auto now = other(old);
  put_tasks(old, 1, 1, 30);
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), old, "redis-cli -p 6380 exists unacked | grep -qx 1"); }, soon));
  ASSERT_OK(pair().tandem(old, {"switchover", "--cut-requests"}));
  EXPECT_FALSE(holds_on(lab(), old, "pgrep -f 'celery --app'"));
  EXPECT_TRUE(wait_until([&] { return done(now) == 1; }, all_tasks)) << "it is done again, on " << now;
  EXPECT_EQ(sql(now, "select distinct server from orders_work where name = 'count'"), now);
  EXPECT_EQ(wait_until_whole(), now);
}

// Redis and PostgreSQL follow each for itself, so that what the old primary did last may be missing in one of them; but
// no task waits for Celery's visibility time-out of an hour.
TEST_F(Workers, AfterAPowerCutTasksThatWereBegunGoBackToTheQueueAtOnce) {
  const auto old = primary();
  const auto now = other(old);
  put_tasks(old, 1, 200, 0.1);
  ASSERT_TRUE(wait_until([&] { return done(old) > 20; }, soon));
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  const auto left = [&] {
    return on(lab(), now, "redis-cli -p 6380 llen celery; redis-cli -p 6380 hlen unacked | tr '\n' ' '");
  };
  EXPECT_TRUE(wait_until([&] { return left() == "0\n0"; }, all_tasks)) << left();
  EXPECT_GE(done(now), 195);
  EXPECT_LE(done_twice(now), 5);
  ASSERT_OK(lab().boot(old));
  ASSERT_EQ(wait_until_whole(), now);
  acknowledge_all(old);
}

TEST_F(Workers, ThereAreNeverTwoBeats) {
  const auto old = primary();
  const auto now = other(old);
  const auto ticks = [&](const std::string& host, const std::string& server) {
    return number(host, "select count(*) from orders_work where name = 'tick' and server = '" + server + "'");
  };
  ASSERT_TRUE(wait_until([&] { return ticks(old, old) > 2; }, soon));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_FALSE(is_active(old, beat));
  EXPECT_TRUE(wait_until([&] { return ticks(now, now) > 2; }, soon));
  EXPECT_EQ(
      number(now, fmt::format("select count(*) from orders_work a, orders_work b where a.name = 'tick' and b.name = "
                              "'tick' and a.server = '{}' and b.server = '{}' and a.done > b.done + interval '1 "
                              "second'",
                              old, now)),
      0)
      << "the new one began when the old one had ended";
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Workers, GoOnWithTheNewReleaseAfterADeploy) {
  const auto host = primary();
  const auto release_of = [&] {
    return on(lab(), host,
              fmt::format("readlink /proc/$(systemctl show -p MainPID --value '{}')/cwd | sed 's,.*/,,'", worker));
  };
  const auto before = release_of();
  ASSERT_OK(pair().tandem(host, {"deploy", "shop.test"}));
  const auto current = [&] { return on(lab(), host, "basename $(readlink /www/shop.test)"); };
  ASSERT_NE(current(), before);
  EXPECT_TRUE(wait_until([&] { return release_of() == current(); }, soon)) << release_of();
  put_tasks(host, 1, 10, 0);
  EXPECT_TRUE(wait_until([&] { return done(host) == 10; }, soon));
}

TEST_F(Workers, OneThatCannotStartIsNamed) {
  const auto host = primary();
  apply(shop_toml({.more = "[site.celery]\napp = \"nowhere\"\n[[site.celery.worker]]\nname = \"default\"\n"}));
  EXPECT_TRUE(wait_until(
      [&] { return told(host).find("the worker default of shop.test keeps failing") != std::string::npos; }, soon));
  EXPECT_FALSE(holds_on(lab(), host, "ls /etc/systemd/system/tandem-beat-*")) << "what leaves the file ends";
  apply(shop_toml({.more = celery}));
  EXPECT_EQ(wait_until_whole(), host);
}

} // namespace tandem::lab
