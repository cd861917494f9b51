#include "agent/drift.hpp"
#include "agent/orders.hpp"
#include "fakes/server.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

TEST(Drift, IsWhatTwoLooksInARowHaveFound) {
  Drift drift;
  drift.seen("12:00", {"unit nginx.service"});
  EXPECT_THAT(drift.ids(), IsEmpty()) << "it may be restarting";
  EXPECT_EQ(to_text(drift), "");
  drift.seen("12:01", {"file /etc/hosts", "unit nginx.service"});
  EXPECT_THAT(drift.ids(), ElementsAre("unit nginx.service"));
  drift.seen("12:02", {"file /etc/hosts", "unit nginx.service", "link /etc/localtime"});
  EXPECT_THAT(drift.ids(), ElementsAre("file /etc/hosts", "unit nginx.service"));
  EXPECT_EQ(to_text(drift), "file /etc/hosts and 1 more are not as `tandem apply` would leave them, since 12:01 or "
                            "before: `tandem plan` shows how");
  drift.seen("12:03", {});
  EXPECT_THAT(drift.ids(), IsEmpty());
  drift.seen("12:04", {"file /etc/hosts"});
  drift.seen("12:05", {"file /etc/hosts"});
  EXPECT_EQ(to_text(drift),
            "file /etc/hosts is not as `tandem apply` would leave it, since 12:05 or before: `tandem plan` shows how");
}

TEST(Drift, WhatWasSeenBeforeAnApplyMeansNothingAfterIt) {
  Drift drift;
  drift.seen("12:00", {"file /etc/hosts"});
  drift.forget();
  drift.seen("12:01", {"file /etc/hosts"});
  EXPECT_THAT(drift.ids(), IsEmpty());
}

TEST(Drift, ThatCannotBeComparedIsToldTheSecondTimeAndWhatStandsStandsOn) {
  Drift drift;
  drift.seen("12:00", {"file /etc/hosts"});
  drift.seen("12:01", {"file /etc/hosts"});
  const auto calm = drift.pause();
  drift.missed("PostgreSQL starts");
  EXPECT_EQ(drift.problem(), "") << "it may be restarting";
  EXPECT_LT(drift.pause(), calm);
  EXPECT_THAT(drift.ids(), ElementsAre("file /etc/hosts"));
  drift.missed("PostgreSQL does not start");
  EXPECT_EQ(drift.problem(), "PostgreSQL does not start");
  EXPECT_EQ(drift.pause(), calm);
  EXPECT_THAT(drift.ids(), ElementsAre("file /etc/hosts"));
  drift.seen("12:02", {});
  EXPECT_EQ(drift.problem(), "");
}

TEST(Drift, SecondLookComesSoonerThanTheNextOneThatFindsNothing) {
  Drift drift;
  drift.seen("12:00", {});
  const auto calm = drift.pause();
  drift.seen("12:01", {"file /etc/hosts"});
  EXPECT_LT(drift.pause(), calm);
  drift.seen("12:02", {"file /etc/hosts"});
  EXPECT_EQ(drift.pause(), calm) << "there is nothing left to be made sure of";
}

TEST(Drift, WhatComesBackIsRepairedNowAndThenOnly) {
  Drift drift;
  const Drift::Time begin{};
  EXPECT_FALSE(drift.take_repair(begin)) << "there is nothing to repair";
  drift.seen("12:00", {"file /etc/hosts"});
  EXPECT_FALSE(drift.take_repair(begin)) << "it may be no drift";
  drift.seen("12:01", {"file /etc/hosts"});
  EXPECT_TRUE(drift.take_repair(begin));
  EXPECT_FALSE(drift.take_repair(begin + 9min));
  EXPECT_TRUE(drift.take_repair(begin + 10min));
}

TEST(KeptOrders, AreThereUntilTheyAreForgotten) {
  fakes::Server server;
  server.files.put_folder("/var/lib/tandem");
  KeptOrders orders(server.files, "/var/lib/tandem");
  const std::string path = "/var/lib/tandem/orders.json";
  EXPECT_EQ(orders.latest().value(), std::nullopt);
  ASSERT_TRUE(orders.keep({{"primary", "uno"}}));
  EXPECT_EQ(server.files.status(path).value()->mode, 0600U) << "they hold secrets";
  EXPECT_EQ(orders.latest().value(), (peer::Json{{"primary", "uno"}}));
  ASSERT_TRUE(orders.forget());
  EXPECT_EQ(orders.latest().value(), std::nullopt);
  server.files.put(path, "{\"pri");
  EXPECT_FALSE(orders.latest()) << "a damaged file is not an apply that never was";
}

} // namespace
} // namespace tandem::agent
