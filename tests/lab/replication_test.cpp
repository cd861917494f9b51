// Database and files of a real pair, from the first copy on.
#include "lab/shop_pair.hpp"
#include "lab_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

namespace {

using testing::HasSubstr;
using Json = nlohmann::json;
constexpr auto soon = std::chrono::seconds(20);

Goods goods() {
  return {.package = TANDEM_PACKAGE, .shop = std::string(TANDEM_SOURCE_DIR) + "/examples/shop"};
}

void tell(const std::string& line) {
  std::printf("      %s\n", line.c_str());
}

std::string sql(Lab& lab, const std::string& host, const std::string& statement) {
  return on(lab, host, "runuser -u postgres -- psql -XAtqc \"" + statement + "\"");
}

Json status_of(ShopPair& pair, const std::string& host, const std::string& server) {
  const auto text = pair.tandem(host, {"status", "--json"});
  if (!text) return {};
  const auto status = Json::parse(*text);
  for (const auto& one : status["servers"])
    if (one["name"] == server) return one;
  return {};
}

// Two servers with tandem.toml applied; uno is the primary.
void make_pair(ShopPair& pair) {
  ASSERT_OK(pair.install("uno"));
  ASSERT_OK(pair.install("duo"));
  ASSERT_OK(pair.write_toml("uno", shop_toml()));
  const auto token = pair.init();
  ASSERT_TRUE(token) << token.error().message;
  ASSERT_OK(pair.join_second(*token));
  ASSERT_OK(pair.tandem("uno", {"apply"}));
}

} // namespace

TEST(Replication, TheStandbyGetsDatabaseAndFilesAndFollows) {
  OwnLab lab;
  ASSERT_TRUE(lab.ok());
  ShopPair pair(*lab, goods(), tell);
  make_pair(pair);
  if (HasFatalFailure()) return;

  // ---- the database
  sql(*lab, "uno", "create table orders(number int); insert into orders select generate_series(1, 100000)");
  const auto copied = pair.tandem("uno", {"database", "copy"});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(*copied, HasSubstr("duo has a new copy and follows"));
  EXPECT_EQ(sql(*lab, "duo", "select pg_is_in_recovery(), count(*) from orders"), "t|100000");
  sql(*lab, "uno", "insert into orders values (100001)");
  EXPECT_TRUE(wait_until([&] { return sql(*lab, "duo", "select max(number) from orders") == "100001"; }, soon));
  const auto again = pair.tandem("duo", {"database", "copy"});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(*again, HasSubstr("duo follows already"));

  // ---- the files
  on(*lab, "uno", "mkdir -p /www/pictures && for i in $(seq 40); do echo $i > /www/pictures/$i; done");
  const auto sent = pair.tandem("uno", {"files", "reconcile"});
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(on(*lab, "duo", "cat /www/pictures/40"), "40");
  const auto nothing = pair.tandem("uno", {"files", "reconcile"});
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_THAT(*nothing, HasSubstr("duo: 0 files sent (0 bytes), 0 changed otherwise, 0 deleted"));
  const auto from_standby = pair.try_tandem("duo", {"files", "reconcile"});
  ASSERT_TRUE(from_standby);
  EXPECT_EQ(from_standby->status, 3);
  on(*lab, "uno", "find /www/pictures -type f -delete");
  const auto guarded = pair.try_tandem("uno", {"files", "reconcile"});
  ASSERT_TRUE(guarded);
  EXPECT_EQ(guarded->status, 3) << guarded->errors;
  EXPECT_THAT(guarded->errors, HasSubstr("--allow-deletions"));
  EXPECT_EQ(on(*lab, "duo", "ls /www/pictures | wc -l"), "40");
  ASSERT_OK(pair.tandem("uno", {"files", "reconcile", "--allow-deletions"}));
  EXPECT_EQ(on(*lab, "duo", "ls /www/pictures | wc -l"), "0");

  // ---- what status says
  const auto uno = status_of(pair, "uno", "uno");
  ASSERT_TRUE(uno.contains("database")) << uno.dump(2);
  EXPECT_EQ(uno["database"]["state"], "primary");
  EXPECT_EQ(uno["database"]["standbys"][0]["server"], "duo");
  EXPECT_TRUE(uno["files"]["standbys"][0]["complete_to"].is_string());
  EXPECT_EQ(status_of(pair, "uno", "duo")["database"]["receiver"], "streaming");
  on(*lab, "duo", "systemctl stop postgresql@15-main");
  EXPECT_TRUE(wait_until(
      [&] {
        const auto text = pair.tandem("uno", {"status"});
        return text && text->find("duo does not follow the database") != std::string::npos;
      },
      soon));
}

} // namespace tandem::lab
