// Logs that are files are rotated, and nothing that is written to them gets lost.
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

namespace {

class LogRotation : public PairTest {
protected:
  // Lines with that word in all of the log's generations on that server.
  static int lines(const std::string& host, const std::string& log, const std::string& word) {
    return std::stoi(on(lab(), host, "zcat -f " + log + "* 2>/dev/null | grep -c '" + word + "' || true"));
  }

  static void rotate(const std::string& host) { on(lab(), host, "logrotate --force /etc/logrotate.conf"); }
};

constexpr auto* orders_log = "/www/shop.test/logs/orders.log";
constexpr auto* access_log = "/var/log/nginx/access.log";

} // namespace

TEST_F(LogRotation, KeepsEveryLineUnderLoad) {
  const auto host = primary();
  ASSERT_TRUE(pair().fetch(host, "/"));
  rotate(host); // what earlier tests wrote
  const auto ordered = [&] {
    return std::stoi(on(lab(), host, "runuser -u postgres -- psql -XAtqc 'select count(*) from orders_order' shop"));
  };
  const int before = ordered();
  const int written_before = lines(host, orders_log, "order ");
  const int seen_before = lines(host, access_log, "POST /");
  auto visitors = Visitors::come(lab(), {.tool = TANDEM_LOAD,
                                         .name = "rotation",
                                         .connect = address_of(host),
                                         .rate = 100,
                                         .seconds = 40,
                                         .progress = show});
  ASSERT_TRUE(visitors) << visitors.error().message;
  for (int round = 0; round < 4 && (*visitors)->shop_for(8); ++round)
    rotate(host);
  const auto summary = (*visitors)->leave();
  ASSERT_TRUE(summary) << summary.error().message;
  const auto figures = Json::parse(*summary);
  EXPECT_EQ(figures["failed"], 0) << figures.dump(2);
  EXPECT_GT(ordered(), before + 100);
  EXPECT_EQ(lines(host, orders_log, "order ") - written_before, ordered() - before);
  EXPECT_GE(lines(host, access_log, "POST /") - seen_before, ordered() - before);
  EXPECT_EQ(on(lab(), host, std::string("stat -c '%U %G' ") + orders_log), "nikolays www-data");
  EXPECT_EQ(on(lab(), host, std::string("stat -c '%U %G %a' ") + access_log), "www-data adm 640");
  EXPECT_NE(on(lab(), host, std::string("ls ") + orders_log + ".*.gz"), "") << "old ones are compressed";
}

TEST_F(LogRotation, IsAsOftenAsTheFileSays) {
  for (const auto* often : {"weekly", "monthly", "daily"}) {
    SCOPED_TRACE(often);
    apply(shop_toml({.more = std::string("[logs]\nrotate = \"") + often + "\"\nkeep = 3\n"}));
    for (const auto* host : {"uno", "duo"})
      for (const auto* rules : {"nginx", "tandem-sites"})
        EXPECT_EQ(on(lab(), host, std::string("grep -cE '^    (") + often + "|rotate 3)$' /etc/logrotate.d/" + rules),
                  "2");
  }
  const auto host = primary();
  on(lab(), host, std::string("rm -f ") + orders_log + ".*"); // of when more were kept
  for (int round = 0; round < 5; ++round) {
    on(lab(), host, std::string("echo one more >> ") + orders_log);
    rotate(host);
  }
  EXPECT_EQ(on(lab(), host, std::string("ls ") + orders_log + ".* | wc -l"), "3");
}

} // namespace tandem::lab
