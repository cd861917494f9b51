// Releases that must not reach a visitor, and deploys that meet each other, a switchover, or their death.
#include "base/text.hpp"
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"
#include "sites/deploy.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

// A commit of the shop that is broken in one way.
struct BrokenRelease {
  std::string name;
  std::string edit;   // shell lines in a clone of the shop
  std::string saying; // what the deploy's error holds
};

const std::vector<BrokenRelease>& broken_releases() {
  static const std::vector<BrokenRelease> all{
      {"syntax", "echo 'def broken(:' >> shop/settings.py", "SyntaxError"},
      {"migration",
       "printf 'from django.db import migrations\\nclass Migration(migrations.Migration):\\n"
       "    dependencies = [(\"orders\", \"0002_work\")]\\n"
       "    operations = [migrations.RunSQL(\"select no_such_function()\")]\\n' > orders/migrations/0003_fails.py",
       "no_such_function"},
      {"requirement", "echo 'nobody-has-made-this==9' >> requirements.txt", "nobody-has-made-this"},
      {"wsgi", "echo 'raise RuntimeError(\"it does not start\")' >> shop/wsgi.py", "it does not start"},
      {"health",
       "sed -i 's/^def index(request):/&\\n    raise RuntimeError(\"the index is broken\")/' catalogue/views.py",
       "it answers 500 to /"}};
  return all;
}

// A migration that needs orders_order for itself, for a moment.
constexpr auto* alter_orders =
    "printf 'from django.db import migrations\\nclass Migration(migrations.Migration):\\n"
    "    dependencies = [(\"orders\", \"0002_work\")]\\n"
    "    operations = [migrations.RunSQL(\"alter table orders_order add column if not exists noted text\")]\\n'"
    " > orders/migrations/0003_noted.py";

class Deploys : public PairTest {
protected:
  void SetUp() override {
    PairTest::SetUp();
    if (HasFatalFailure()) return;
    serving_ = primary();
    ASSERT_TRUE(pair().fetch(serving_, "/")); // which brings the pair's authority to tre
    live_ = live(serving_);
  }

  // The release that the site's link names.
  static std::string live(const std::string& host) { return on(host, "basename $(readlink -f /www/shop.test)"); }

  static std::string on(const std::string& host, const std::string& line) { return lab::on(lab(), host, line); }

  static std::string applications(const std::string& host) {
    return on(
        host,
        "systemctl list-units --plain --no-legend --state=active 'tandem-site@shop.test-*' | awk '{print $1}' | sort");
  }

  static system::Outcome deploy(const std::string& host, const std::string& revision) {
    const auto outcome = pair().try_tandem(host, {"deploy", shop_domain, revision});
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : system::Outcome{};
  }

  // Waits until an agent stands still where the halt file says.
  static void wait_halted(const std::string& host, const std::string& since) {
    EXPECT_TRUE(wait_until(
        [&] {
          return holds_on(lab(), host, "journalctl -u tandem --after-cursor='" + since + "' | grep -q 'stands still'");
        },
        soon))
        << "it never came to stand still";
  }

  static std::string cursor(const std::string& host) {
    return on(host, "journalctl -u tandem -n 0 --show-cursor | sed -n 's/^-- cursor: //p'");
  }

  void expect_unchanged() {
    for (const std::string host : {"uno", "duo"}) {
      EXPECT_EQ(live(host), live_) << host;
      EXPECT_EQ(applications(host), applications_.at(host)) << host;
      // A comparison that ran while the release was built has brought it to the standby; the next one takes it away.
      const std::string list = "ls /www/.releases/shop.test";
      if (host != serving_ && on(host, list) != releases_.at(host)) on(serving_, "tandem files reconcile");
      EXPECT_EQ(on(host, list), releases_.at(host)) << host;
    }
  }

  void remember() {
    for (const std::string host : {"uno", "duo"}) {
      applications_[host] = applications(host);
      releases_[host] = on(host, "ls /www/.releases/shop.test");
    }
  }

  std::string serving_;
  std::string live_;
  std::map<std::string, std::string> applications_;
  std::map<std::string, std::string> releases_;
};

} // namespace

// uWSGI's chain reload loops on broken code (uwsgi #1052); a deploy that was rolled back ended with status 0 (deploy-rs
// #214).
TEST_F(Deploys, ABrokenReleaseIsSeenByNoVisitorAndEndsWithAnErrorThatSaysWhy) {
  remember();
  const auto address = serving_ == "uno" ? "10.77.0.11" : "10.77.0.12";
  auto visitors = Visitors::come(
      lab(), {.tool = TANDEM_LOAD, .name = "deploys", .connect = address, .rate = 60, .seconds = 75, .progress = show});
  ASSERT_TRUE(visitors) << visitors.error().message;
  ASSERT_TRUE((*visitors)->shop_for(2));
  for (const auto& release : broken_releases()) {
    push_branch(lab(), release.name, release.edit);
    const auto said = deploy(serving_, release.name);
    EXPECT_EQ(said.status, 1) << release.name;
    EXPECT_THAT(said.errors, HasSubstr(release.saying)) << release.name;
    EXPECT_THAT(said.errors, HasSubstr("visitors of shop.test get release " + live_)) << release.name;
    expect_unchanged();
  }
  const auto left = (*visitors)->leave();
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(Json::parse(*left).at("failed"), 0);
  const auto logs = pair().tandem(serving_, {"logs", "-n", "400", shop_domain});
  ASSERT_TRUE(logs) << logs.error().message;
  EXPECT_THAT(*logs, HasSubstr("RuntimeError: it does not start"));
}

TEST_F(Deploys, AMigrationThatGetsNoLockGivesUpAndOneThatGetsItLaterGoesOn) {
  remember();
  push_branch(lab(), "noted", alter_orders);
  const auto hold = [&](const std::string& seconds) {
    return std::async(std::launch::async, [&, seconds] {
      return lab().run(
          serving_, {"runuser", "-u", "postgres", "--", "psql", "-XAtqd", "shop", "-c",
                     "begin; lock table orders_order in access share mode; select pg_sleep(" + seconds + "); commit"});
    });
  };
  const auto is_held = [&] {
    return sql(lab(), serving_, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") != "0";
  };
  auto long_one = hold("600");
  ASSERT_TRUE(wait_until(is_held, soon));
  const auto refused = deploy(serving_, "noted");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("lock timeout"));
  EXPECT_THAT(refused.errors, HasSubstr("pg_stat_activity"));
  expect_unchanged();
  sql(lab(), serving_,
      "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'begin; lock table%' and pid <> "
      "pg_backend_pid()");
  static_cast<void>(long_one.get());

  auto short_one = hold("5");
  ASSERT_TRUE(wait_until(is_held, soon));
  const auto done = deploy(serving_, "noted");
  EXPECT_EQ(done.status, 0) << done.errors;
  EXPECT_THAT(done.output + done.errors, HasSubstr("once more"));
  static_cast<void>(short_one.get());

  // "A rollback must know the schema": the older release does not know what the migration did.
  const auto back = pair().try_tandem(serving_, {"rollback", shop_domain});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->status, 3);
  EXPECT_THAT(back->errors, HasSubstr("orders/migrations/0003_noted.py"));
  ASSERT_OK(pair().tandem(serving_, {"rollback", shop_domain, "--despite-migrations"}));
  EXPECT_EQ(live(serving_), live_);
  EXPECT_TRUE(wait_until([&] { return live(other(serving_)) == live_; }, soon));
}

TEST_F(Deploys, AFullDiskInTheMiddleChangesNothingAndTheNextDeployWorks) {
  remember();
  // The site's files on a file system of their own that has some 200 kB left.
  on(serving_, "set -e; mkdir -p /tmp/small; size=$(du -sk /www | cut -f1); "
               "mount -t tmpfs -o size=$((size + 2000))k none /tmp/small; cp -a /www/. /tmp/small; "
               "left=$(df -k --output=avail /tmp/small | tail -1); "
               "test $left -lt 200 || head -c $(( (left - 200) * 1024 )) /dev/zero > /tmp/small/ballast; "
               "mount --bind /tmp/small /www");
  push_branch(lab(), "another", "true");
  const auto said = deploy(serving_, "another");
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(said.errors, HasSubstr("No space left on device"));
  EXPECT_THAT(said.errors, HasSubstr("get release " + live_));
  EXPECT_TRUE(pair().fetch(serving_, "/"));
  EXPECT_EQ(on(serving_, "ls /www/.releases/shop.test"), releases_.at(serving_));
  on(serving_, "umount /www && umount /tmp/small");
  expect_unchanged();
  const auto next = deploy(serving_, "another");
  EXPECT_EQ(next.status, 0) << next.errors;
}

TEST_F(Deploys, OnlyOneAtATimeAndTheSecondIsToldWhoIsAtIt) {
  push_branch(lab(), "first", "true");
  const auto since = cursor(serving_);
  on(serving_, "echo deploy steps > /run/tandem/halt");
  auto first = std::async(std::launch::async, [&] { return deploy(serving_, "first"); });
  wait_halted(serving_, since);
  const auto second = deploy(serving_, "main");
  EXPECT_EQ(second.status, 3);
  EXPECT_THAT(second.errors, HasSubstr("deploy of shop.test"));
  const auto over = pair().try_tandem(serving_, {"switchover"});
  ASSERT_TRUE(over);
  EXPECT_EQ(over->status, 3) << "a switchover in the middle of a deploy";
  EXPECT_THAT(over->errors, HasSubstr("deploy"));
  on(serving_, "rm /run/tandem/halt");
  const auto done = first.get();
  EXPECT_EQ(done.status, 0) << done.errors;
}

TEST_F(Deploys, NoneDuringASwitchover) {
  on(serving_, "echo warm before > /run/tandem/halt");
  auto over = std::async(std::launch::async, [&] { return pair().try_tandem(serving_, {"switchover"}); });
  ASSERT_TRUE(wait_until([&] { return status_of(pair(), serving_, serving_)["role"].contains("run"); }, soon));
  const auto said = deploy(serving_, "main");
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.errors, HasSubstr("switchover"));
  on(serving_, "rm /run/tandem/halt");
  const auto ended = over.get();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 0) << ended->errors;
}

namespace {

struct DeployCell {
  std::string point;
  std::string victim; // "agent", "power", "standby": the whole other server
};

std::vector<DeployCell> deploy_cells() {
  std::vector<DeployCell> all;
  for (const auto point : sites::deploy_points)
    for (const auto* victim : {"agent", "power", "standby"})
      all.push_back({std::string(point), victim});
  return all;
}

class DeployKilled : public Deploys, public ::testing::WithParamInterface<DeployCell> {};

} // namespace

TEST_P(DeployKilled, LeavesAWholeReleaseAndTheNextDeployWorks) {
  const auto& cell = GetParam();
  push_branch(lab(), "next", "echo '# " + cell.point + " " + cell.victim + "' >> shop/settings.py");
  const auto since = cursor(serving_);
  on(serving_, "echo deploy " + cell.point + " > /run/tandem/halt");
  auto first =
      std::async(std::launch::async, [&] { return pair().try_tandem(serving_, {"deploy", shop_domain, "next"}); });
  wait_halted(serving_, since);
  if (cell.victim == "agent") {
    on(serving_, "systemctl kill -s KILL --kill-who=main tandem; rm -f /run/tandem/halt");
  } else {
    const auto victim = cell.victim == "power" ? serving_ : other(serving_);
    ASSERT_OK(lab().cut(victim));
    if (victim != serving_) on(serving_, "rm /run/tandem/halt");
    if (victim != serving_) static_cast<void>(first.get());
    ASSERT_OK(lab().boot(victim));
  }
  if (first.valid()) static_cast<void>(first.get()); // it may have lost its agent
  ASSERT_EQ(wait_until_whole(), serving_);
  const auto page = pair().fetch(serving_, "/");
  EXPECT_TRUE(page) << page.error().message;
  const auto again = deploy(serving_, "next");
  ASSERT_EQ(again.status, 0) << again.errors;
  const auto release = live(serving_);
  for (const std::string host : {"uno", "duo"}) {
    EXPECT_TRUE(wait_until([&] { return live(host) == release; }, soon)) << host;
    EXPECT_TRUE(wait_until([&] { return applications(host).find('\n') == std::string::npos; }, soon))
        << "old releases run on " << host << ":\n"
        << applications(host);
  }
}

INSTANTIATE_TEST_SUITE_P(Deploy, DeployKilled, ::testing::ValuesIn(deploy_cells()),
                         [](const auto& info) { return info.param.point + "_" + info.param.victim; });

} // namespace tandem::lab
