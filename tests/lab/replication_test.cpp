// Database and files of a real pair, from the first copy on.
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

TEST_F(PairTest, TheStandbyHasDatabaseAndFilesAndFollows) {
  const auto uno = primary();
  const auto duo = other(uno);

  // ---- the database
  sql(lab(), uno,
      "drop table if exists orders; create table orders(number int); insert into orders select generate_series(1, "
      "100000)");
  sql(lab(), uno, "insert into orders values (100001)");
  EXPECT_TRUE(wait_until([&] { return sql(lab(), duo, "select max(number) from orders") == "100001"; }, soon));
  const auto again = pair().tandem(duo, {"database", "copy"});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(*again, HasSubstr(duo + " follows already"));

  // ---- the files
  on(lab(), uno, "mkdir -p /www/pictures && for i in $(seq 3000); do echo $i > /www/pictures/$i; done");
  auto sent = pair().tandem(uno, {"files", "reconcile"});
  ASSERT_TRUE(wait_until(
      [&] {
        if (!sent) sent = pair().tandem(uno, {"files", "reconcile"}); // one of the agent's own was under way
        return sent.has_value();
      },
      soon));
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(on(lab(), duo, "cat /www/pictures/40"), "40");
  const auto nothing = pair().tandem(uno, {"files", "reconcile"});
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_THAT(*nothing, HasSubstr(duo + ": 0 files sent (0 bytes), 0 changed otherwise, 0 deleted"));
  const auto from_standby = pair().try_tandem(duo, {"files", "reconcile"});
  ASSERT_TRUE(from_standby);
  EXPECT_EQ(from_standby->status, 3);
  // A stream that begins now knows nothing of it that they came within the hour, and takes them for old ones.
  on(lab(), duo, "systemctl restart tandem");
  ASSERT_EQ(wait_until_whole(), uno);
  ASSERT_TRUE(wait_until([&] { return pair().tandem(uno, {"files", "flush"}).has_value(); }, soon));
  on(lab(), uno, "find /www/pictures -type f -delete");
  const auto guarded = pair().try_tandem(uno, {"files", "reconcile"});
  ASSERT_TRUE(guarded);
  EXPECT_EQ(guarded->status, 3) << guarded->errors << on(lab(), uno, "journalctl -u tandem -o cat | tail -40")
                                << on(lab(), duo, "find /www | wc -l; ps -o args -C tandem");
  EXPECT_THAT(guarded->errors, HasSubstr("--allow-deletions"));
  EXPECT_GE(std::stoi(on(lab(), duo, "ls /www/pictures | wc -l")), 1000);
  ASSERT_OK(pair().tandem(uno, {"files", "reconcile", "--allow-deletions"}));
  EXPECT_EQ(on(lab(), duo, "ls /www/pictures | wc -l"), "0");

  // ---- what status says
  const auto first = status_of(pair(), uno, uno);
  ASSERT_TRUE(first.contains("database")) << first.dump(2);
  EXPECT_EQ(first["database"]["state"], "primary");
  EXPECT_EQ(first["database"]["standbys"][0]["server"], duo);
  EXPECT_TRUE(first["files"]["standbys"][0]["complete_to"].is_string());
  EXPECT_EQ(status_of(pair(), uno, duo)["database"]["receiver"], "streaming");

  // ---- a database that was stopped by hand follows again by itself
  on(lab(), duo, "systemctl stop 'postgresql@*-main.service'");
  EXPECT_EQ(wait_until_whole(), uno);
}

namespace {

class WalGone : public PairTest {
protected:
  static constexpr auto* rules = "/etc/postgresql/*/main/pg_hba.conf";

  static void close(const std::string& host) {
    on(lab(), host,
       fmt::format("sed -i '1i host replication all all reject' {} && systemctl reload 'postgresql@*-main.service'",
                   rules));
    sql(lab(), host, "select pg_terminate_backend(pid) from pg_stat_replication");
  }

  static void open(const std::string& host) {
    on(lab(), host, fmt::format("sed -i 1d {} && systemctl reload 'postgresql@*-main.service'", rules));
  }

  // So much WAL that the standby's slot loses it; then all is set as it was.
  static void outrun_the_slot(const std::string& host) {
    sql(lab(), host, "alter system set max_slot_wal_keep_size = '16MB'");
    sql(lab(), host, "alter system set wal_keep_size = 0");
    on(lab(), host, "systemctl reload 'postgresql@*-main.service'");
    EXPECT_TRUE(wait_until(
        [&] {
          sql(lab(), host,
              "create table if not exists filler(text text); insert into filler select repeat(md5(n::text), 20) from "
              "generate_series(1, 30000) n; select pg_switch_wal()");
          sql(lab(), host, "checkpoint");
          return sql(lab(), host, "select wal_status from pg_replication_slots") == "lost";
        },
        soon));
    sql(lab(), host, "drop table filler");
    sql(lab(), host, "alter system reset all");
    on(lab(), host, "systemctl reload 'postgresql@*-main.service'");
  }
};

} // namespace

// Its agent runs all the while: it sees that nothing comes any more, and why.
TEST_F(WalGone, AStandbyThatWasShutOutForTooLongIsCopiedAnewByItself) {
  const auto uno = primary();
  const auto duo = other(uno);
  close(uno);
  ASSERT_TRUE(wait_until([&] { return status_of(pair(), uno, duo)["database"]["receiver"] == ""; }, soon));
  outrun_the_slot(uno);
  sql(lab(), uno, "drop table if exists meanwhile; create table meanwhile as select 1 as number");
  open(uno);
  EXPECT_TRUE(wait_until(
      [&] { return holds_on(lab(), duo, "sudo -u postgres psql -qAt -c 'select number from meanwhile' | grep -q 1"); },
      std::chrono::minutes(8)))
      << on(lab(), duo,
            "journalctl -b -u tandem -o cat | tail -40; journalctl -b -u 'postgresql@*-main.service' -o cat | tail");
  EXPECT_EQ(wait_until_whole(), uno);
  EXPECT_TRUE(
      wait_until([&] { return on(lab(), duo, "tandem events").find("main.before-") != std::string::npos; }, soon))
      << "what was there before is kept, and not told";
  acknowledge_all(duo);
}

// The shop keeps its connections for ten minutes: none of them outlives PostgreSQL.
TEST_F(PairTest, ASettingThatRestartsPostgresqlFailsNoVisitor) {
  const auto serving = primary();
  ASSERT_TRUE(pair().fetch(serving, "/"));
  auto visitors = Visitors::come(lab(), {.tool = TANDEM_LOAD,
                                         .name = "settings",
                                         .connect = serving == "uno" ? "10.77.0.11" : "10.77.0.12",
                                         .rate = 60,
                                         .seconds = 40,
                                         .progress = show});
  ASSERT_TRUE(visitors) << visitors.error().message;
  ASSERT_TRUE((*visitors)->shop_for(2));
  constexpr auto* started = "extract(epoch from pg_postmaster_start_time())";
  const auto before = sql(lab(), serving, std::string("select ") + started);
  apply(shop_toml({.more = "[database]\nsettings = { max_files_per_process = \"900\" }\n"}));
  EXPECT_EQ(sql(lab(), serving, "show max_files_per_process"), "900");
  EXPECT_NE(sql(lab(), serving, std::string("select ") + started), before);
  const auto left = (*visitors)->leave();
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(Json::parse(*left).at("failed"), 0) << *left;
  const auto compared = compare_with_shop(lab(), serving, "settings");
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(Json::parse(*compared)["lost"], 0) << *compared;
  apply(shop_toml());
  EXPECT_EQ(wait_until_whole(), serving);
}

// A standby with less than its primary has does not start; one with more would become a primary that the other server's
// PostgreSQL refuses to follow.
TEST_F(PairTest, AStandbyLowersASettingAfterItsPrimary) {
  const auto serving = primary();
  const std::string other = serving == "uno" ? "duo" : "uno";
  const auto before = sql(lab(), serving, "show max_connections");
  apply(shop_toml({.more = "[database]\nsettings = { max_connections = \"140\" }\n"}));
  for (const auto& host : {serving, other})
    EXPECT_EQ(sql(lab(), host, "show max_connections"), "140") << host;
  apply(shop_toml());
  for (const auto& host : {serving, other})
    EXPECT_EQ(sql(lab(), host, "show max_connections"), before) << host;
  EXPECT_EQ(wait_until_whole(), serving);

  sql(lab(), other, "alter system set max_connections = 140");
  sql(lab(), other, "select pg_reload_conf()");
  const auto refused = pair().try_tandem(serving, {"switchover"});
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_EQ(refused->status, 3);
  EXPECT_NE(refused->errors.find("has not been restarted since max_connections changed"), std::string::npos)
      << refused->errors;
  sql(lab(), other, "alter system reset max_connections");
  sql(lab(), other, "select pg_reload_conf()");
}

} // namespace tandem::lab
