// What runs on a standby ([role] standby), and that it takes over either way.
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

class Standby : public PairTest {
protected:
  static std::string with(const std::string& mode) {
    return shop_toml({.more = "[role]\nstandby = \"" + mode + "\"\n"});
  }

  static bool runs_applications(const std::string& server, bool wanted) {
    return wait_until(
        [&] {
          return holds_on(lab(), server,
                          "systemctl list-units --plain --no-legend 'tandem-site@*' | grep -q running") == wanted;
        },
        soon);
  }
};

} // namespace

TEST_F(Standby, IsWarmOrColdAsTheFileSaysAndTakesOverEitherWay) {
  const auto first = primary();
  const auto second = other(first);
  EXPECT_TRUE(runs_applications(second, true));
  apply(with("cold"));
  EXPECT_TRUE(wait_until(
      [&] { return on(lab(), second, "tandem status || true").find("(rests)") != std::string::npos; }, soon));
  EXPECT_TRUE(runs_applications(second, false));
  EXPECT_TRUE(runs_applications(first, true)) << "the primary serves";
  EXPECT_EQ(wait_until_whole(), first) << "nothing is wrong with that";

  // Visitors notice nothing of a switchover, those neither who come to the old address.
  ASSERT_TRUE(pair().fetch(first, "/")); // brings the authority to tre
  auto visitors = Visitors::come(lab(), {.tool = TANDEM_LOAD, .rate = 60, .seconds = 60});
  ASSERT_TRUE(visitors) << describe(visitors.error());
  ASSERT_TRUE((*visitors)->shop_for(2));
  ASSERT_OK(pair().tandem(first, {"switchover"}));
  const auto summary = (*visitors)->leave();
  ASSERT_TRUE(summary) << describe(summary.error());
  EXPECT_EQ(Json::parse(*summary)["failed"], 0) << *summary;
  EXPECT_TRUE(runs_applications(second, true));
  EXPECT_TRUE(runs_applications(first, false)) << "it is the standby now";
  EXPECT_TRUE(pair().fetch(first, "/")) << "and passes on whoever still comes to it";

  ASSERT_OK(lab().cut(second));
  ASSERT_OK(pair().tandem(first, {"failover", "--alone", second}));
  EXPECT_TRUE(pair().fetch(first, "/"));
  ASSERT_OK(lab().boot(second));
  EXPECT_EQ(wait_until_whole(), first);
  EXPECT_TRUE(runs_applications(second, false));

  ASSERT_OK(pair().tandem(first, {"deploy", "shop.test"}));
  EXPECT_TRUE(runs_applications(second, false)) << "a release that comes rests, too";
  apply(with("warm"));
  EXPECT_TRUE(runs_applications(second, true));
  EXPECT_THAT(on(lab(), first, "tandem status"), Not(HasSubstr("(rests)")));
}

} // namespace tandem::lab
