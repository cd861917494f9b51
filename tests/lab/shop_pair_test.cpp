// From bare servers to a shop that answers: the main job, as its operator does it.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

TEST(ShopPair, ABareServerIsSetUpFromOneFileAndTheShopAnswers) {
  OwnLab lab;
  ASSERT_TRUE(lab.ok());
  ShopPair pair(*lab, goods(), show);
  ASSERT_OK(pair.publish_shop());
  ASSERT_OK(pair.install("uno"));
  ASSERT_OK(pair.write_toml("uno", shop_toml({.two_servers = false})));

  // Before init every command says what to do.
  const auto before = pair.try_tandem("uno", {"apply"});
  ASSERT_TRUE(before);
  EXPECT_NE(before->status, 0);
  EXPECT_THAT(before->errors, HasSubstr("tandem init"));

  ASSERT_OK(pair.init());
  const auto plan = pair.tandem("uno", {"plan"});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(*plan, HasSubstr("+ user nikolays"));
  EXPECT_EQ(lab->run("uno", {"id", "nikolays"})->status, 1) << "plan changed something";

  ASSERT_OK(pair.tandem("uno", {"apply"}));
  const auto nothing = pair.tandem("uno", {"plan"});
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_THAT(*nothing, HasSubstr("no changes"));
  EXPECT_THAT(on(*lab, "uno", "id nikolays"), HasSubstr("uid=1001(nikolays)"));
  EXPECT_EQ(on(*lab, "uno", "readlink -f /etc/localtime"), "/usr/share/zoneinfo/Europe/Moscow");

  ASSERT_OK(pair.tandem("uno", {"deploy", shop_domain}));
  const auto page = pair.fetch("uno", "/");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(*page, HasSubstr("/product/"));
  const auto style = pair.fetch("uno", "/static/shop/style.css");
  EXPECT_TRUE(style) << style.error().message;
  const auto after = pair.tandem("uno", {"plan"});
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_THAT(*after, HasSubstr("no changes")) << "a deploy must not look like drift";
}

} // namespace tandem::lab
