#include "dns/records.hpp"

#include <gmock/gmock.h>

namespace tandem::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

model::Pair pair() {
  model::Pair pair;
  pair.servers = {{.name = "uno", .address = "192.0.2.11", .address6 = "2001:db8::11", .peer_address = {}},
                  {.name = "duo", .address = "192.0.2.12", .address6 = std::nullopt, .peer_address = {}}};
  model::Site first;
  first.domain = "shop.example";
  first.aliases = {"www.shop.example"};
  model::Site second;
  second.domain = "second.example";
  pair.sites = {first, second};
  return pair;
}

const Records at_uno{.a = {"192.0.2.11"}, .aaaa = {"2001:db8::11"}, .cname = {}, .zone = "shop.example", .ttl = 300};

TEST(Records, AreReadFromWhatDigPrints) {
  const auto records = parse_answer("shop.example", "Shop.Example.\t300\tIN\tA\t192.0.2.11\n"
                                                    "shop.example. 60 IN AAAA 2001:db8::11\n"
                                                    "other.example. 60 IN A 192.0.2.99\n"
                                                    "shop.example. 60 IN SOA ns1.example. root.example. 1 2 3 4 5\n"
                                                    "; a remark\nnonsense\n");
  EXPECT_EQ(records, at_uno);
  const auto alias = parse_answer("www.shop.example", "www.shop.example. 60 IN CNAME Shop.Example.\n"
                                                      "example. 60 IN SOA ns1.example. root.example. 1 2 3 4 5\n");
  EXPECT_EQ(alias.cname, "shop.example");
  EXPECT_EQ(alias.zone, "example") << "of the authority section";
}

TEST(Records, OfTheOldPrimaryAreChangedToThoseOfTheNewOne) {
  const auto both = pair();
  const auto verdict = judge("shop.example", at_uno, both, both.servers[1]);
  ASSERT_TRUE(verdict.change);
  EXPECT_EQ(to_text(*verdict.change), "shop.example A 192.0.2.11 -> 192.0.2.12, AAAA 2001:db8::11 -> nothing");
  EXPECT_EQ(update_script("192.0.2.53", *verdict.change, 60),
            "server 192.0.2.53\nzone shop.example\nprereq yxrrset shop.example. A 192.0.2.11\n"
            "update delete shop.example. A\nupdate add shop.example. 60 A 192.0.2.12\n"
            "prereq yxrrset shop.example. AAAA 2001:db8::11\nupdate delete shop.example. AAAA\nsend\n");
  const auto back = judge("shop.example", {.a = {"192.0.2.12"}, .zone = "shop.example"}, both, both.servers[0]);
  ASSERT_TRUE(back.change);
  EXPECT_THAT(update_script("192.0.2.53", *back.change, 60),
              HasSubstr("prereq nxrrset shop.example. AAAA\nupdate add shop.example. 60 AAAA 2001:db8::11\n"));
  EXPECT_THAT(update_command("192.0.2.53", *back.change, 60),
              HasSubstr("printf 'server 192.0.2.53\\nzone shop.example\\n"));
}

TEST(Records, ThatAreRightOrNotThePairsAreLeftAlone) {
  const auto both = pair();
  const auto right = judge("shop.example", at_uno, both, both.servers[0]);
  EXPECT_FALSE(right.change);
  EXPECT_EQ(right.strange, "");
  const auto mixed = judge("shop.example", {.a = {"192.0.2.11", "203.0.113.1"}}, both, both.servers[1]);
  EXPECT_FALSE(mixed.change);
  EXPECT_THAT(mixed.strange, HasSubstr("192.0.2.11 and 203.0.113.1, which is not the pair's alone"));
  EXPECT_EQ(judge("shop.example", {}, both, both.servers[1]).strange, "shop.example has no address");
  const auto round_robin = judge("shop.example", {.a = {"192.0.2.11", "192.0.2.12"}}, both, both.servers[1]);
  ASSERT_TRUE(round_robin.change) << "one of them is not the primary";
}

TEST(Records, AnAliasFollowsTheNameThatItStandsFor) {
  const auto both = pair();
  EXPECT_EQ(judge("www.shop.example", {.cname = "shop.example"}, both, both.servers[1]).strange, "");
  EXPECT_THAT(judge("www.shop.example", {.cname = "host.example"}, both, both.servers[1]).strange,
              HasSubstr("alias of host.example"));
}

TEST(Records, NamesComeInTheOrderOfImportance) {
  EXPECT_THAT(names_of(pair()), ElementsAre("shop.example", "www.shop.example", "second.example"));
}

} // namespace
} // namespace tandem::dns
