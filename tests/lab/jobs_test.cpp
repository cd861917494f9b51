// Jobs instead of crontab: on the primary alone, as the site, not in the middle of a change of primary, never twice.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

constexpr auto* ticks = "/www/shop.test/logs/ticks"; // a line each second, with the second: not replicated
constexpr auto* timer = "tandem-job-shop.test:tick.timer";

std::string job(const std::string& name, const std::string& schedule, const std::string& run) {
  return fmt::format("[[site.job]]\nname = \"{}\"\nschedule = \"{}\"\nrun = '''{}'''\n", name, schedule, run);
}

class Jobs : public PairTest {
protected:
  void prepare() override {
    apply(shop_toml(
        {.more =
             job("tick", "*:*:*", R"(sh -c "date +%s >> logs/ticks")") +
             job("long", "2099-01-01", R"(sh -c "echo begun >> logs/long; sleep 4; echo ended >> logs/long")") +
             job("endless", "2099-01-01", "sleep 10000") +
             job("broken", "2099-01-01", R"x(python -c "raise SystemExit('no stock to import')")x") +
             job("who", "2099-01-01",
                 R"x(python -c "import os, django, pwd; print(pwd.getpwuid(os.getuid()).pw_name, os.getcwd(), len(os.environ['SHOP_SECRET_KEY']), '100%', '$HOME', file=open('logs/who', 'w'))")x")}));
  }

  static void begin(const std::string& host, const std::string& name) {
    on(lab(), host, "systemctl start --no-block 'tandem-job-shop.test:" + name + ".service'");
  }

  static bool holds(const std::string& host, const std::string& line) { return holds_on(lab(), host, line); }

  static bool ticks_on(const std::string& host) {
    const auto count = fmt::format("$(cat {} 2>/dev/null | wc -l)", ticks);
    const auto before = on(lab(), host, "echo " + count);
    return wait_until([&] { return holds(host, "test " + count + " -gt " + before); }, soon);
  }
};

} // namespace

TEST_F(Jobs, RunOnThePrimaryAloneAsTheSitesOwnerWithTheSitesEnvironment) {

  const auto host = primary();
  EXPECT_TRUE(ticks_on(host));
  EXPECT_FALSE(holds(other(host), std::string("test -s ") + ticks));
  EXPECT_FALSE(holds(other(host), std::string("systemctl is-active -q '") + timer + "'"));
  begin(other(host), "long");
  EXPECT_FALSE(holds(other(host), "test -e /www/shop.test/logs/long")) << "not even by hand";
  begin(host, "who");
  ASSERT_TRUE(wait_until([&] { return holds(host, "test -s /www/shop.test/logs/who"); }, soon));
  const auto release = on(lab(), host, "readlink -f /www/shop.test");
  EXPECT_EQ(on(lab(), host, "cat /www/shop.test/logs/who"),
            "nikolays " + release + " " + std::to_string(std::string("only-for-the-lab").size()) + " 100% $HOME");
}

TEST_F(Jobs, OneThatFailsIsNamedUntilItSucceeds) {
  const auto host = primary();
  begin(host, "broken");
  const auto told = [&] { return on(lab(), host, "tandem status 2>&1 || true"); };
  ASSERT_TRUE(wait_until([&] { return told().find("the job broken of shop.test failed") != std::string::npos; }, soon));
  EXPECT_THAT(on(lab(), host, "journalctl -q -u 'tandem-job-shop.test:broken'"), HasSubstr("no stock to import"));
  on(lab(), host, "systemctl reset-failed 'tandem-job-shop.test:broken.service'");
  EXPECT_TRUE(wait_until([&] { return told().find("the job broken") == std::string::npos; }, soon));
}

TEST_F(Jobs, ASwitchoverWaitsForThoseThatRunAndNoneRunsOnBothServersOrTwice) {
  const auto old = primary();
  const auto now = other(old);
  for (const auto& host : {old, now})
    on(lab(), host, std::string("rm -f /www/shop.test/logs/long; : > ") + ticks + "; chown nikolays: " + ticks);
  begin(old, "long");
  ASSERT_TRUE(wait_until([&] { return holds(old, "grep -q begun /www/shop.test/logs/long"); }, soon));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_EQ(on(lab(), old, "cat /www/shop.test/logs/long"), "begun\nended");
  ASSERT_EQ(wait_until_whole(), now);
  EXPECT_TRUE(ticks_on(now));
  EXPECT_FALSE(holds(old, std::string("systemctl is-active -q '") + timer + "'"));
  const auto seconds = [&](const std::string& host) { return lines_of(on(lab(), host, std::string("cat ") + ticks)); };
  ASSERT_FALSE(seconds(old).empty());
  EXPECT_LT(seconds(old).back(), seconds(now).front()) << "the new primary began before the old one had ended";
}

TEST_F(Jobs, OneThatDoesNotEndIsCutWhereThatIsWished) {
  const auto old = primary();
  begin(old, "endless");
  ASSERT_TRUE(wait_until([&] { return holds(old, "pgrep -u nikolays -x sleep"); }, soon));
  ASSERT_OK(pair().tandem(old, {"switchover", "--cut-requests"}));
  EXPECT_FALSE(holds(old, "pgrep -u nikolays -x sleep"));
  EXPECT_EQ(on(lab(), old, "systemctl list-units --failed --plain --no-legend"), "")
      << on(lab(), old, "journalctl -q -n 30 -o short-precise -u 'tandem-job-shop.test:*'");
  EXPECT_EQ(wait_until_whole(), other(old));
}

TEST_F(Jobs, BeginOnTheServerThatTakesOver) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  EXPECT_TRUE(ticks_on(now));
  ASSERT_OK(lab().boot(old));
  ASSERT_EQ(wait_until_whole(), now);
  EXPECT_FALSE(holds(old, std::string("systemctl is-active -q '") + timer + "'"));
  acknowledge_all(old);
}

TEST_F(Jobs, ATimerThatCannotStartKeepsNobodyFromBeingServedAndIsTriedAgain) {
  const auto host = primary();
  const auto folder = std::string("/run/systemd/system/") + timer + ".d";
  on(lab(), host,
     fmt::format("mkdir -p '{0}' && printf '[Timer]\nOnCalendar=\n' > '{0}/none.conf' && systemctl daemon-reload && "
                 "systemctl stop '{1}' && systemctl restart tandem",
                 folder, timer));
  const auto told = [&] { return on(lab(), host, "tandem status 2>&1 || true"); };
  EXPECT_TRUE(wait_until([&] { return told().find("the job tick of shop.test: ") != std::string::npos; }, soon))
      << told();
  EXPECT_TRUE(wait_until([&] { return status_of(pair(), host, host)["role"].value("duty", "") == "serve"; }, soon));
  on(lab(), host, fmt::format("rm -r '{}' && systemctl daemon-reload", folder));
  EXPECT_TRUE(ticks_on(host)) << "nobody had to start it";
  EXPECT_EQ(wait_until_whole(), host);
}

TEST_F(Jobs, AScheduleThatSystemdDoesNotKnowIsRefusedAndChangesNothing) {
  ASSERT_OK(pair().write_toml(primary(), shop_toml({.more = job("tick", "every now and then", "true")})));
  const auto applied = pair().tandem(primary(), {"apply"});
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, HasSubstr("\"every now and then\" is no calendar time"));
  for (const auto* host : {"uno", "duo"})
    EXPECT_TRUE(holds(host, "systemctl cat 'tandem-job-shop.test:who.service'")) << "the old ones are there";
  apply(shop_toml());
  for (const auto* host : {"uno", "duo"}) {
    EXPECT_FALSE(holds(host, "ls /etc/systemd/system/tandem-job-*")) << "what leaves the file begins no more";
    EXPECT_FALSE(holds(host, std::string("systemctl is-active -q '") + timer + "'"));
  }
}

} // namespace tandem::lab
