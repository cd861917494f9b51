// From one server to a pair, to a pair that has changed places, and back to one server, while visitors shop.
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

Json whole_status(ShopPair& pair, const std::string& host) {
  const auto text = pair.tandem(host, {"status", "--json"});
  return text ? Json::parse(*text, nullptr, false) : Json();
}

// Status finds nothing wrong, and the second server follows the first or serves itself.
bool are_a_pair(Lab& lab, const std::string& primary, const std::string& standby) {
  const auto said = lab.run("uno", {"tandem", "status", "--json"}, {.time_limit = std::chrono::seconds(15)});
  if (!said || !said->ok()) return false;
  const auto status = Json::parse(said->output, nullptr, false);
  if (status.is_discarded() || !status["problems"].empty()) return false;
  for (const auto& server : status["servers"])
    if (server["name"] == standby) return server["role"].value("duty", "") == "follow " + primary;
  return false;
}

std::string token_of(const std::string& said) {
  const auto json = Json::parse(said, nullptr, false);
  return json.is_discarded() ? "" : json.value("token", "");
}

} // namespace

TEST(OneServer, BecomesAPairThatChangesPlacesAndOneServerAgainAndNoVisitorNotices) {
  OwnLab lab;
  ASSERT_TRUE(lab.ok());
  ShopPair pair(*lab, goods(), show);
  ASSERT_OK(pair.publish_shop());
  ASSERT_OK(pair.install("uno"));
  ASSERT_OK(pair.write_toml("uno", shop_toml({.two_servers = false})));
  ASSERT_OK(pair.init());
  ASSERT_OK(pair.tandem("uno", {"apply"}));
  ASSERT_OK(pair.tandem("uno", {"deploy", shop_domain}));
  const auto alone = pair.tandem("uno", {"status"});
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_THAT(*alone, HasSubstr("no second server"));
  for (const auto* command : {"switchover", "failover"}) {
    const auto refused = pair.try_tandem("uno", {command});
    ASSERT_TRUE(refused);
    EXPECT_NE(refused->status, 0) << command;
    EXPECT_THAT(refused->errors, HasSubstr("one server only")) << command;
  }

  ASSERT_TRUE(pair.fetch("uno", "/"));
  auto visitors = Visitors::come(*lab, {.tool = TANDEM_LOAD, .rate = 100, .seconds = 420, .progress = show});
  ASSERT_TRUE(visitors) << visitors.error().message;

  // The second server is installed, named in the file, let in and set up.
  ASSERT_OK(pair.install("duo"));
  ASSERT_OK(pair.write_toml("uno", shop_toml()));
  const auto token = pair.tandem("uno", {"init", "--token", "--json"});
  ASSERT_TRUE(token) << token.error().message;
  ASSERT_OK(pair.join_second(token_of(*token)));
  ASSERT_OK(pair.tandem("uno", {"apply"}));
  ASSERT_TRUE(wait_until([&] { return are_a_pair(*lab, "uno", "duo"); }, std::chrono::minutes(3)))
      << whole_status(pair, "uno").dump(1);
  ASSERT_OK(pair.tandem("uno", {"switchover"}));
  ASSERT_TRUE(wait_until([&] { return are_a_pair(*lab, "duo", "uno"); }, std::chrono::minutes(1)));

  // The primary is not taken out; the standby is, once the file does without it.
  const auto primary = pair.try_tandem("duo", {"remove", "duo"});
  ASSERT_TRUE(primary);
  EXPECT_EQ(primary->status, 3);
  EXPECT_THAT(primary->errors, HasSubstr("is the primary"));
  ASSERT_OK(pair.tandem("uno", {"switchover"}));
  ASSERT_TRUE(wait_until([&] { return are_a_pair(*lab, "uno", "duo"); }, std::chrono::minutes(1)));
  ASSERT_OK(pair.write_toml("uno", shop_toml({.two_servers = false})));
  const auto too_early = pair.try_tandem("uno", {"apply"});
  ASSERT_TRUE(too_early);
  EXPECT_EQ(too_early->status, 3);
  EXPECT_THAT(too_early->errors, HasSubstr("tandem remove duo"));
  ASSERT_OK(pair.tandem("uno", {"remove", "duo"}));
  ASSERT_OK(pair.tandem("uno", {"apply"}));
  EXPECT_EQ(sql(*lab, "uno", "select count(*) from pg_replication_slots"), "0") << "a slot would keep WAL for ever";
  EXPECT_FALSE(holds_on(*lab, "duo", "systemctl is-active -q postgresql@15-main"));
  EXPECT_TRUE(pair.fetch("duo", "/")) << "whoever still comes there is passed on";
  const auto outside = pair.try_tandem("duo", {"status"});
  ASSERT_TRUE(outside);
  EXPECT_THAT(outside->output, HasSubstr("belongs to no pair"));

  const auto left = (*visitors)->leave();
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(Json::parse(*left).at("failed"), 0);
  const auto compared = compare_with_shop(*lab, "uno", "visitors");
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(Json::parse(*compared).at("lost"), 0);

  // A reboot alone: it asks nobody who is not there any more.
  ASSERT_OK(lab->cut("uno"));
  ASSERT_OK(lab->boot("uno"));
  EXPECT_TRUE(wait_until([&] { return pair.fetch("uno", "/").has_value(); }, soon));
}

} // namespace tandem::lab
