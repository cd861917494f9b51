#include "model/pair.hpp"

#include <gtest/gtest.h>

namespace tandem::model {
namespace {

Pair two_of_each() {
  Pair pair;
  pair.servers.resize(2);
  pair.servers[0].name = "uno";
  pair.servers[1].name = "duo";
  pair.users.resize(2);
  pair.users[0].name = "andrey";
  pair.users[1].name = "nikolays";
  pair.sites.resize(2);
  pair.sites[0].domain = "first.example";
  pair.sites[1].domain = "second.example";
  return pair;
}

TEST(Pair, FindsServersSitesAndUsersByName) {
  const auto pair = two_of_each();
  EXPECT_EQ(pair.server("duo"), &pair.servers[1]);
  EXPECT_EQ(pair.site("second.example"), &pair.sites[1]);
  EXPECT_EQ(pair.user("andrey"), pair.users.data());
}

TEST(Pair, FindsNothingUnderANameThatIsNotThere) {
  const auto pair = two_of_each();
  EXPECT_EQ(pair.server("tre"), nullptr);
  EXPECT_EQ(pair.server(""), nullptr);
  EXPECT_EQ(pair.site("first"), nullptr);
  EXPECT_EQ(pair.user("Andrey"), nullptr);
  EXPECT_EQ(Pair{}.server("uno"), nullptr);
}

TEST(Pair, IsEqualOnlyWhenEveryPartIs) {
  const auto pair = two_of_each();
  auto other = pair;
  EXPECT_EQ(pair, other);
  other.sites[1].uwsgi.threads = 9;
  EXPECT_NE(pair, other);
}

TEST(Pair, HoldsVisitorsLongerThanItDrainsByDefault) {
  EXPECT_GT(RoleSettings{}.hold, RoleSettings{}.drain);
}

} // namespace
} // namespace tandem::model
