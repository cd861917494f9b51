// The primary is gone: a power cut, `tandem failover` on the standby, and the old primary's return by itself.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class Failover : public PairTest {
protected:
  // A row that the shop's database would have acknowledged.
  static void write(const std::string& host, int number) {
    sql(lab(), host,
        "create table if not exists acknowledged(number int); insert into acknowledged values (" +
            std::to_string(number) + ")");
  }

  // As `primary` says.
  static bool follows(const std::string& standby, const std::string& primary) {
    const auto status = status_of(pair(), primary, standby);
    return status.is_object() && status.value("role", Json::object()).value("duty", "") == "follow " + primary;
  }

  static std::string written(const std::string& host, int number) {
    return sql(lab(), host, "select count(*) from acknowledged where number = " + std::to_string(number));
  }
};

} // namespace

TEST_F(Failover, AfterAPowerCutTheStandbyServesAndTheOldPrimaryFollowsByItself) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_TRUE(pair().fetch(old, "/"));
  write(old, 1);
  ASSERT_OK(pair().tandem(old, {"files", "reconcile"}));
  ASSERT_TRUE(wait_until([&] { return written(now, 1) == "1"; }, soon));

  const auto alive = pair().try_tandem(now, {"failover"});
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->status, 3) << "the primary answers and serves";
  EXPECT_THAT(alive->errors, HasSubstr("tandem switchover"));
  const auto lie = pair().try_tandem(now, {"failover", "--alone", old});
  EXPECT_EQ(lie->status, 3) << "it is not off";
  EXPECT_THAT(lie->errors, HasSubstr("is not off"));
  EXPECT_EQ(pair().try_tandem(old, {"failover"})->status, 3) << "it serves already";

  ASSERT_OK(lab().cut(old));
  const auto unsaid = pair().try_tandem(now, {"failover"});
  EXPECT_EQ(unsaid->status, 3) << "nobody has said that it is off";
  EXPECT_THAT(unsaid->errors, HasSubstr("--alone " + old));
  const auto dry = pair().tandem(now, {"failover", "--dry-run", "--alone", old});
  ASSERT_OK(dry);
  EXPECT_THAT(*dry, HasSubstr("WAL position"));
  EXPECT_THAT(*dry, HasSubstr("files complete to"));
  const auto done = pair().tandem(now, {"failover", "--alone", old, "--json"});
  ASSERT_OK(done);
  const auto answer = Json::parse(*done, nullptr, false);
  EXPECT_EQ(answer["to"], now) << *done;
  write(now, 2);
  EXPECT_EQ(written(now, 1), "1");
  EXPECT_TRUE(pair().fetch(now, "/"));

  ASSERT_OK(lab().boot(old));
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_EQ(written(old, 2), "1");
  prove(now);
}

TEST_F(Failover, ASiteThatCannotStartKeepsNoOtherFromBeingServedAndIsTriedAgain) {
  apply(shop_toml({.more = R"([[site]]
domain = "second.test"
repo = "http://tre/git/shop.git"
owner = "nikolays"
wsgi = "shop.wsgi:application"
environment = { SHOP_DATABASE = "shop", SHOP_ALLOWED_HOSTS = "second.test" }
environment_file = "secrets/shop.env"
pip_options = ["--no-index", "--find-links", "/srv/wheels"]
)"}));
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(pair().tandem(old, {"deploy", "second.test"}));
  ASSERT_EQ(wait_until_whole(), old);
  const auto unit = on(lab(), now, "systemctl list-units --plain --no-legend 'tandem-site@second*' | cut -d ' ' -f 1");
  const auto folder = "'/run/systemd/system/" + unit + ".d'";
  on(lab(), now,
     fmt::format("mkdir -p {0} && printf '[Service]\\nExecStartPre=/bin/false\\n' > {0}/broken.conf && systemctl "
                 "daemon-reload && systemctl stop '{1}'",
                 folder, unit));
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  EXPECT_TRUE(pair().fetch(now, "/"));
  EXPECT_THAT(on(lab(), now, "tandem status 2>&1 || true"), HasSubstr("the application of second.test does not run"));
  on(lab(), now, "rm -r " + folder + " && systemctl daemon-reload");
  EXPECT_TRUE(wait_until([&] { return holds_on(lab(), now, "systemctl is-active -q '" + unit + "'"); }, soon));
  ASSERT_OK(lab().boot(old));
  EXPECT_EQ(wait_until_whole(), now);
  apply(shop_toml());
}

// Every row that was acknowledged before the command is there, or was written by one server only: at no moment two.
TEST_F(Failover, AnAlivePrimaryStopsWhereTheOperatorInsists) {
  const auto old = primary();
  const auto now = other(old);
  write(old, 8);
  ASSERT_TRUE(wait_until([&] { return written(now, 8) == "1"; }, soon));
  ASSERT_OK(pair().tandem(now, {"failover", "--stop-primary"}));
  EXPECT_FALSE(holds_on(lab(), old, "test -e /primary_server"));
  EXPECT_EQ(written(now, 8), "1");
  EXPECT_EQ(wait_until_whole(), now);
  prove(now);
}

// After a power cut of both, one of which does not come back: nobody tells it that there was no failover.
TEST_F(Failover, APrimaryThatBootsAloneWaitsForTheOperatorsWord) {
  const auto old = primary();
  write(old, 7);
  ASSERT_OK(lab().cut(other(old)));
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(lab().boot(old));
  ASSERT_TRUE(
      wait_until([&] { return status_of(pair(), old, old)["role"].value("situation", "") == "waiting"; }, soon));
  const auto status = pair().tandem(old, {"status"});
  ASSERT_OK(status);
  EXPECT_THAT(*status, HasSubstr("tandem failover --alone"));
  EXPECT_FALSE(holds_on(lab(), old, "test -e /run/tandem/serving"));
  EXPECT_EQ(pair().try_tandem(old, {"failover"})->status, 3);
  ASSERT_OK(pair().tandem(old, {"failover", "--alone", other(old)}));
  EXPECT_EQ(written(old, 7), "1");
  EXPECT_TRUE(pair().fetch(old, "/"));
  ASSERT_OK(lab().boot(other(old)));
  EXPECT_EQ(wait_until_whole(), old);
  prove(old);
}

TEST_F(Failover, ASilentPrimaryIsSwitchedOffByTheFenceCommand) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(
      pair().write_toml(old, shop_toml({.more = "\n[role]\nfence = [\"/usr/local/bin/switch-off\", \"now\"]\n"})));
  ASSERT_OK(pair().tandem(old, {"apply"}));
  ASSERT_OK(lab().write_file(now, "/usr/local/bin/switch-off",
                             "#!/bin/sh\necho \"asked: $*\" >> /root/fenced\ntest -e /root/power-works\n", 0755));
  ASSERT_OK(lab().cut(old));
  const auto broken = pair().try_tandem(now, {"failover"});
  EXPECT_EQ(broken->status, 3) << "the command did not switch it off";
  EXPECT_THAT(broken->errors, HasSubstr("[role] fence"));
  EXPECT_FALSE(holds_on(lab(), now, "test -e /primary_server"));
  on(lab(), now, "touch /root/power-works");
  ASSERT_OK(pair().tandem(now, {"failover"}));
  EXPECT_THAT(on(lab(), now, "tail -1 /root/fenced"), HasSubstr("asked: now " + old));
  write(now, 6);

  ASSERT_OK(lab().boot(old));
  EXPECT_EQ(wait_until_whole(), now);
  ASSERT_OK(pair().write_toml(now, shop_toml()));
  ASSERT_OK(pair().tandem(now, {"apply"}));
  prove(now);
}

// The apply that a person typed on the primary goes on beside it when that has lost its power.
TEST_F(Failover, DoesNotWaitForAnApplyThatStandsStillButEndsIt) {
  const auto old = primary();
  const auto now = other(old);
  on(lab(), now, "echo 'apply before 1' > /run/tandem/halt; chmod 0666 /etc/nginx/tandem/http.conf");
  auto apply = std::async(std::launch::async, [&] { return pair().try_tandem(old, {"apply"}).has_value(); });
  ASSERT_TRUE(
      wait_until([&] { return holds_on(lab(), now, "tandem status --json | grep -q '\"server.apply\"'"); }, soon));
  ASSERT_TRUE(wait_until(
      [&] { return holds_on(lab(), now, "journalctl -u tandem -n 20 | grep -q 'apply stands still'"); }, soon));
  ASSERT_OK(lab().cut(old));
  const auto done = pair().try_tandem(now, {"failover", "--alone", old});
  apply.wait();
  ASSERT_TRUE(done && done->ok()) << (done ? done->errors : done.error().message);
  EXPECT_THAT(done->output + done->errors, HasSubstr("\"server.apply\", started by " + old + ", which ends after"));
  EXPECT_TRUE(pair().fetch(now, "/"));
  EXPECT_TRUE(holds_on(lab(), now, "test $(stat -c %a /etc/nginx/tandem/http.conf) = 666")) << "it ended before that";
  on(lab(), now, "rm /run/tandem/halt");
  EXPECT_THAT(on(lab(), now, "tandem status"), HasSubstr("the latest apply failed at"));
  ASSERT_OK(lab().boot(old));
  ASSERT_TRUE(wait_until([&] { return follows(old, now); }, soon));
  ASSERT_OK(pair().tandem(now, {"apply"}));
  EXPECT_EQ(wait_until_whole(), now);
  prove(now);
}

// The other way round: typed on the standby, it waits for the old primary's half, which hangs.
TEST_F(Failover, DoesNotWaitForTheOldPrimarysHalfOfAnApply) {
  const auto old = primary();
  const auto now = other(old);
  on(lab(), old, "echo 'apply before 1' > /run/tandem/halt; chmod 0666 /etc/nginx/tandem/http.conf");
  auto apply = std::async(std::launch::async, [&] { return pair().try_tandem(now, {"apply"})->status; });
  ASSERT_TRUE(wait_until(
      [&] { return holds_on(lab(), old, "journalctl -u tandem -n 20 | grep -q 'apply stands still'"); }, soon));
  ASSERT_OK(pair().tandem(now, {"failover", "--stop-primary"}));
  EXPECT_TRUE(holds_on(lab(), old, "test -e /run/tandem/halt")) << "nobody let it go on";
  EXPECT_TRUE(pair().fetch(now, "/"));
  on(lab(), old, "rm /run/tandem/halt");
  EXPECT_NE(apply.get(), 0);
  EXPECT_TRUE(holds_on(lab(), old, "test $(stat -c %a /etc/nginx/tandem/http.conf) = 666")) << "its role had ended";
  ASSERT_TRUE(wait_until([&] { return follows(old, now); }, soon));
  ASSERT_OK(pair().tandem(now, {"apply"}));
  EXPECT_EQ(wait_until_whole(), now);
  prove(now);
}

// A comparison that the old primary had begun would delete what visitors upload to the new one.
TEST_F(Failover, FilesThatTheOldPrimaryStillSendsDoNotComeUponTheNewOnes) {
  const auto old = primary();
  const auto now = other(old);
  // Code, which the stream of changes leaves to the comparison.
  const std::string code = std::string("/www/.releases/") + shop_domain + "/envs/large";
  on(lab(), old, "head -c 400M /dev/urandom > " + code);
  auto sending = std::async(std::launch::async, [&] { return pair().try_tandem(old, {"files", "reconcile"})->status; });
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), now, "pidof rsync"); }, soon));
  on(lab(), old, "kill -STOP $(pidof rsync)");
  ASSERT_TRUE(holds_on(lab(), now, "pidof rsync")) << "it was over before it could be stopped";
  ASSERT_OK(pair().tandem(now, {"failover", "--stop-primary"}));
  EXPECT_FALSE(holds_on(lab(), now, "pidof rsync"));
  on(lab(), now, "mkdir -p /www/drawings && echo new > /www/drawings/uploaded");
  on(lab(), old, "kill -CONT $(pidof rsync)");
  EXPECT_NE(sending.get(), 0);
  EXPECT_EQ(on(lab(), now, "cat /www/drawings/uploaded"), "new");
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_EQ(on(lab(), now, "cat /www/drawings/uploaded"), "new");
  on(lab(), now, "rm -rf /www/drawings");
  on(lab(), old, "rm -f " + code);
  ASSERT_OK(pair().tandem(now, {"files", "reconcile"}));
  prove(now);
}

TEST_F(Failover, WhatTheOldPrimaryWroteAloneIsKeptAndListed) {
  const auto old = primary();
  const auto now = other(old);
  write(old, 3);
  on(lab(), old, "mkdir -p /www/drawings && echo both > /www/drawings/both");
  ASSERT_OK(pair().tandem(old, {"files", "reconcile"}));
  ASSERT_TRUE(wait_until([&] { return written(now, 3) == "1"; }, soon));
  ASSERT_OK(lab().partition(old, now));
  write(old, 4);
  on(lab(), old, "echo alone > /www/drawings/alone && echo changed > /www/drawings/both && sync");
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(lab().heal());

  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  write(now, 5);
  ASSERT_OK(lab().boot(old));
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_EQ(written(now, 4), "0") << "it was never sent";
  EXPECT_EQ(written(old, 4), "0") << "it is kept, but no part of the pair's database any more";
  EXPECT_EQ(written(old, 5), "1");
  EXPECT_TRUE(holds_on(lab(), old, "journalctl -u tandem | grep -q 'going back to'")) << "it was not rewound";
  EXPECT_TRUE(holds_on(lab(), old, "ls -d /var/lib/postgresql/15/main.diverged-*/0*")) << "its WAL is not kept";

  ASSERT_TRUE(wait_until([&] { return on(lab(), old, "cat /www/drawings/both") == "both"; }, soon));
  EXPECT_FALSE(holds_on(lab(), old, "test -e /www/drawings/alone"));
  EXPECT_EQ(on(lab(), old, "cat /var/lib/tandem/kept/*-files/www/drawings/alone"), "alone");
  EXPECT_EQ(on(lab(), old, "cat /var/lib/tandem/kept/*-files/www/drawings/both"), "changed");
  const auto listed = [&] { return pair().tandem(now, {"events", "--json"}).value_or(""); };
  ASSERT_TRUE(wait_until([&] { return listed().find("-files") != std::string::npos; }, soon)) << listed();
  EXPECT_THAT(listed(), HasSubstr("main.diverged-"));
  acknowledge_all(old);
  EXPECT_FALSE(holds_on(lab(), old, "ls -d /var/lib/postgresql/15/main.diverged-* /var/lib/tandem/kept/*-files"));
  prove(now);
}

} // namespace tandem::lab
