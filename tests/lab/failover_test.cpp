// The primary is gone: a power cut, `tandem failover` on the standby, and the old primary's return by itself.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

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

} // namespace tandem::lab
