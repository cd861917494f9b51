// The databases around a site: dumps before migrations, restores and copies, on a pair that is visited.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

// A migration that adds what no code of the shop asks for.
constexpr auto* add_a_column =
    "printf 'from django.db import migrations\\nclass Migration(migrations.Migration):\\n"
    "    dependencies = [(\"orders\", \"0002_work\")]\\n"
    "    operations = [migrations.RunSQL(\"alter table orders_work add column if not exists dumped text\")]\\n'"
    " > orders/migrations/0003_dumped.py";

class Dumps : public PairTest {
protected:
  void SetUp() override {
    PairTest::SetUp();
    if (HasFatalFailure()) return;
    host_ = primary();
    shop("delete from orders_work");
    add_work(777);
    before_ = dumps();
  }

  // Nothing of a test stays, whatever became of it.
  void TearDown() override {
    on("rm -f /run/tandem/halt; umount /var/lib/tandem/dumps 2>/dev/null || true");
    for (const auto& name : lines_of(admin("select datname from pg_database where datname like 'shop\\_%'")))
      admin("drop database " + name + " with (force)");
    PairTest::TearDown();
  }

  static std::string on(const std::string& line) { return lab::on(lab(), host_, line); }

  static std::string sql_in(const std::string& host, const std::string& database, const std::string& query) {
    return lab::on(lab(), host, "cd / && sudo -u postgres psql -d " + database + " -XAtqc " + shell_quoted(query));
  }

  static std::string shop(const std::string& query) { return sql_in(host_, "shop", query); }

  static std::string admin(const std::string& query) { return sql_in(host_, "postgres", query); }

  static void add_work(int number) {
    shop(fmt::format("insert into orders_work (name, number, server, done) values ('somebody', {}, 'x', now())",
                     number));
  }

  static std::string numbers() { return shop("select string_agg(number::text, ',' order by number) from orders_work"); }

  static std::string databases() { return admin("select string_agg(datname, ' ' order by datname) from pg_database"); }

  // The ids of the dumps, the oldest first.
  static std::vector<std::string> dumps() {
    std::vector<std::string> ids;
    const auto answer = Json::parse(on("tandem database dumps shop.test --json"));
    for (const auto& dump : answer["dumps"])
      ids.push_back(dump["id"]);
    return ids;
  }

  static system::Outcome say(const std::vector<std::string>& arguments) {
    const auto outcome = pair().try_tandem(host_, arguments);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : system::Outcome{};
  }

  static std::string make_dump() {
    const auto said = say({"deploy", shop_domain});
    EXPECT_EQ(said.status, 0) << said.errors;
    const auto all = dumps();
    return all.empty() ? "" : all.back();
  }

  // The command stands still there; the agent dies, and the next one takes over.
  static void die_at(const std::string& point, const std::vector<std::string>& command) {
    halt_at(lab(), host_, "database " + point);
    auto running = std::async(std::launch::async, [&] { return pair().try_tandem(host_, command); });
    EXPECT_TRUE(stands_at(lab(), host_, "database " + point)) << point;
    on("systemctl kill -s KILL --kill-who=main tandem; rm -f /run/tandem/halt"); // it must not go on before it dies
    static_cast<void>(running.get());
    ASSERT_EQ(wait_until_whole(), host_) << point;
    EXPECT_TRUE(wait_until([] { return databases().find("tandem_unfinished") == std::string::npos; }, soon)) << point;
    EXPECT_TRUE(pair().fetch(host_, "/")) << point;
  }

  static std::string host_;
  std::vector<std::string> before_;
};

std::string Dumps::host_;

} // namespace

TEST_F(Dumps, ADeployLeavesOneAndTheShopGoesBackToItWhileVisitorsCome) {
  ASSERT_TRUE(pair().fetch(host_, "/"));
  push_branch(lab(), "dumped", add_a_column);
  const auto deployed = say({"deploy", shop_domain, "dumped"});
  ASSERT_EQ(deployed.status, 0) << deployed.errors;
  const auto all = dumps();
  ASSERT_EQ(all.size(), before_.size() + 1);
  const auto dump = all.back();
  EXPECT_EQ(on("stat -c '%a %U' /var/lib/tandem/dumps/shop.test/" + dump + "-*.dump"), "600 root");
  shop("delete from orders_work");
  add_work(778);
  admin("alter database shop set statement_timeout = '77s'");
  admin("grant connect on database shop to pg_monitor");

  const auto asked = say({"database", "restore", shop_domain, dump});
  EXPECT_EQ(asked.status, 3);
  EXPECT_THAT(asked.errors, HasSubstr("will not have what was written since"));
  EXPECT_THAT(asked.errors, HasSubstr("its steps ran after that dump"));
  EXPECT_EQ(numbers(), "778");

  const auto to = address_of(host_);
  lab::on(lab(), "tre",
          "rm -f /root/enough /root/answers; (until test -e /root/enough; do curl -sk -o /dev/null -m 60 -w "
          "'%{http_code}\\n' --resolve shop.test:443:" +
              to + " https://shop.test/ >> /root/answers; sleep 0.05; done) > /dev/null 2>&1 & disown");
  const auto answers = [] { return std::stoi(lab::on(lab(), "tre", "cat /root/answers 2>/dev/null | wc -l")); };
  ASSERT_TRUE(wait_until([&] { return answers() > 20; }, soon));
  const auto restored = say({"database", "restore", shop_domain, dump, "--yes"});
  const auto then = answers();
  EXPECT_TRUE(wait_until([&] { return answers() > then + 20; }, soon));
  lab::on(lab(), "tre", "touch /root/enough");
  ASSERT_EQ(restored.status, 0) << restored.errors;
  show(restored.output);
  EXPECT_EQ(lab::on(lab(), "tre", "sort /root/answers | uniq -c | awk '{print $2}'"), "200");

  EXPECT_EQ(numbers(), "777");
  EXPECT_EQ(shop("select count(*) from information_schema.columns where column_name = 'dumped'"), "0");
  EXPECT_EQ(shop("show statement_timeout"), "77s") << "its settings went along";
  EXPECT_EQ(admin("select has_database_privilege('pg_monitor', 'shop', 'connect')"), "t") << "and its rights";
  EXPECT_EQ(admin("select has_database_privilege('public', 'shop', 'connect')"), "f") << "to nobody else";
  const auto former = admin("select datname from pg_database where datname like 'shop_before_restore_%'");
  ASSERT_THAT(former, Not(HasSubstr("\n")));
  EXPECT_EQ(sql_in(host_, former, "select number from orders_work"), "778") << "nothing is lost";
  EXPECT_THAT(on("tandem database dumps shop.test"), HasSubstr(former));
  // The standby, too, and no application there goes on with the database that it knew.
  const auto standby = other(host_);
  EXPECT_TRUE(wait_until(
      [&] {
        return sql_in(standby, "shop", "select string_agg(number::text, ',') from orders_work") == "777" &&
               sql_in(standby, "postgres",
                      "select count(*) from pg_stat_activity where datname like '%before_restore%'") == "0";
      },
      soon));
  admin("alter database shop reset statement_timeout");
  admin("revoke connect on database shop from pg_monitor");
  make_dump(); // the branch main again
  EXPECT_EQ(wait_until_whole(), host_);
}

TEST_F(Dumps, ACopyIsScrubbedBeforeAnybodyMayConnect) {
  on("echo \"update orders_work set name = 'nobody';\" > /root/scrub.sql");
  halt_at(lab(), host_, "database copy filled");
  const std::vector<std::string> command{"database", "copy",    shop_domain,      "--to",
                                         "shop_dev", "--scrub", "/root/scrub.sql"};
  auto copying = std::async(std::launch::async, [&] { return pair().try_tandem(host_, command); });
  EXPECT_TRUE(stands_at(lab(), host_, "database copy filled"));
  const auto owner = admin("select pg_get_userbyid(datdba) from pg_database where datname = 'shop'");
  const auto look = [&](const std::string& database) {
    return on("cd / && sudo -u " + owner + " psql -d " + database +
              " -XAtqc 'select distinct name from orders_work' 2>&1 || true");
  };
  EXPECT_THAT(look("tandem_unfinished"), HasSubstr("too many connections"));
  on("rm /run/tandem/halt");
  const auto done = copying.get();
  ASSERT_TRUE(done);
  ASSERT_EQ(done->status, 0) << done->errors;
  EXPECT_EQ(look("shop_dev"), "nobody");
  EXPECT_EQ(look("shop"), "somebody");
  EXPECT_EQ(admin("select pg_get_userbyid(datdba) from pg_database where datname = 'shop_dev'"), owner);
  EXPECT_TRUE(wait_until(
      [&] {
        return holds_on(lab(), other(host_),
                        "cd / && sudo -u postgres psql -d shop_dev -XAtqc 'select name from orders_work' | "
                        "grep -qx nobody");
      },
      soon));
  const auto again = say(command);
  EXPECT_EQ(again.status, 3);
  EXPECT_THAT(again.errors, HasSubstr("there is a database shop_dev already"));

  on("printf 'update orders_work set number = 1;\\nselect no_such_function();\\n' > /root/scrub.sql");
  const auto failing = say({"database", "copy", shop_domain, "--to", "shop_bad", "--scrub", "/root/scrub.sql"});
  EXPECT_EQ(failing.status, 1);
  EXPECT_THAT(failing.errors, HasSubstr("no_such_function"));
  EXPECT_THAT(databases(), Not(HasSubstr("shop_bad")));
  EXPECT_THAT(databases(), Not(HasSubstr("tandem_unfinished")));
  EXPECT_EQ(on("find /var/lib/tandem/dumps -name '*.unfinished'"), "");
  EXPECT_EQ(numbers(), "777");
  // On the standby nothing of it can be done, and the words that make a standby anew are still those.
  const auto there = pair().try_tandem(other(host_), {"database", "copy", shop_domain, "--to", "shop_other"});
  ASSERT_TRUE(there);
  EXPECT_EQ(there->status, 3);
  EXPECT_EQ(say({"database", "copy", shop_domain}).status, 2) << "--to is missing";
  const auto follows = say({"database", "copy"});
  EXPECT_EQ(follows.status, 0) << follows.errors;
  EXPECT_THAT(follows.output, HasSubstr("follows already"));
  EXPECT_EQ(wait_until_whole(), host_);
}

TEST_F(Dumps, WhatDiesInTheMiddleLeavesTheSiteAsItWas) {
  const auto dump = make_dump();
  ASSERT_FALSE(dump.empty());
  const auto known = dumps();
  const auto there = databases();
  add_work(779);
  const std::vector<std::string> restoring{"database", "restore", shop_domain, dump, "--yes"};
  die_at("dump whole", {"deploy", shop_domain});
  for (const auto* point : {"restore filled", "restore swap"})
    die_at(point, restoring);
  for (const auto* point : {"copy filled", "copy scrubbed"})
    die_at(point, {"database", "copy", shop_domain, "--to", "shop_dev"});
  EXPECT_EQ(numbers(), "777,779");
  EXPECT_EQ(databases(), there);
  EXPECT_EQ(dumps(), known);
  EXPECT_EQ(on("find /var/lib/tandem/dumps -name '*.unfinished'"), "");
  // From the swap on it is done.
  die_at("restore swapped", restoring);
  EXPECT_EQ(numbers(), "777");
  EXPECT_THAT(databases(), HasSubstr("shop_before_restore_"));
  EXPECT_EQ(wait_until_whole(), host_);
}

TEST_F(Dumps, ADiskWithoutRoomEndsADeployBeforeItsStepsButNotOneThatDoesWithoutADump) {
  on("mkdir -p /var/lib/tandem/dumps && mount -t tmpfs -o size=100m none /var/lib/tandem/dumps");
  const auto live = on("readlink /www/shop.test");
  const auto refused = say({"deploy", shop_domain});
  EXPECT_EQ(refused.status, 3) << refused.errors;
  EXPECT_THAT(refused.errors, HasSubstr("the dump of shop may take"));
  EXPECT_THAT(refused.errors, HasSubstr("--no-dump"));
  EXPECT_THAT(refused.errors, Not(HasSubstr("manage.py migrate")));
  EXPECT_EQ(on("readlink /www/shop.test"), live);
  const auto without = say({"deploy", shop_domain, "--no-dump"});
  EXPECT_EQ(without.status, 0) << without.errors;
  on("umount /var/lib/tandem/dumps");
  // Old ones go by themselves, but for the newest.
  const auto newest = make_dump();
  on("cp /var/lib/tandem/dumps/shop.test/" + newest +
     "-*.dump /var/lib/tandem/dumps/shop.test/20200101000000-before-20200101000000-0000000.dump");
  EXPECT_TRUE(wait_until(
      [] { return holds_on(lab(), host_, "! test -e /var/lib/tandem/dumps/shop.test/20200101000000-*"); }, soon));
  EXPECT_EQ(dumps().back(), newest);
  EXPECT_EQ(wait_until_whole(), host_);
}

} // namespace tandem::lab
