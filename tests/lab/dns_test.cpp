// The sites' names, on real name servers: they lead to the primary, whoever that is.
#include "base/text.hpp"
#include "lab/name_server.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

constexpr auto* less_important = R"([[site]]
domain = "second.test"
repo = "http://tre/git/shop.git"
owner = "nikolays"
wsgi = "shop.wsgi:application"
[[site]]
domain = "third.test"
repo = "http://tre/git/shop.git"
owner = "nikolays"
wsgi = "shop.wsgi:application"
)";

class Dns : public PairTest {
protected:
  void prepare() override { start({}); }

  void SetUp() override {
    PairTest::SetUp();
    start({});
    apply(toml("provider = \"rfc2136\"\nserver = \"10.77.0.13\"\nkey_file = \"secrets/dns.key\"\nttl = \"2m\"\n"));
  }

  // Whatever a test has left, the next one finds a pair that nobody looks at the names of.
  void TearDown() override { apply(shop_toml()); }

  static void start(const std::vector<std::string>& refused) {
    const auto key = start_name_servers(
        lab(),
        {.zones = {"shop.test", "second.test", "third.test"}, .address = address_of(primary()), .refused = refused});
    ASSERT_OK(key);
    for (const auto* host : {"uno", "duo"})
      ASSERT_OK(lab().write_file(host, "/etc/tandem/secrets/dns.key", *key, 0600));
  }

  static std::string toml(const std::string& dns) {
    return shop_toml({.more = std::string(less_important) + "[dns]\n" + dns});
  }

  static std::string asked(const std::string& name, const std::string& server = name_server) {
    const auto answer = ask_name_server(lab(), server, name);
    return answer ? std::string(trim(*answer)) : answer.error().message;
  }

  static std::string told(const std::string& host) { return on(lab(), host, "tandem status 2>&1 || true"); }

  // In which order the name server has made changes, as it says it itself.
  static std::string order() {
    return on(lab(), "tre",
              "journalctl -q -u names-first | grep -o \"adding an RR at '[a-z.]*' A\" | cut -d \"'\" -f 2");
  }
};

} // namespace

TEST_F(Dns, ASwitchoverLetsThemLeadToTheNewPrimaryInTheOrderOfImportance) {
  const auto old = primary();
  const auto now = other(old);
  EXPECT_EQ(on(lab(), old, "stat -c '%a' /etc/tandem/dns.key"), "600");
  const auto switched = pair().tandem(old, {"switchover"});
  ASSERT_OK(switched);
  for (const auto* server : {name_server, second_name_server})
    for (const auto* name : {"shop.test", "www.shop.test", "second.test", "third.test"})
      EXPECT_EQ(asked(name, server), address_of(now)) << name << " at " << server;
  EXPECT_EQ(asked("www.second.test"), address_of(old)) << "a name that no site has is nobody's business";
  EXPECT_EQ(order(), "shop.test\nwww.shop.test\nsecond.test\nthird.test");
  EXPECT_THAT(on(lab(), "tre", "dig +noall +answer @10.77.0.13 shop.test A"), HasSubstr("\t120\t")) << "the TTL";
  EXPECT_THAT(on(lab(), now, "journalctl -q -u tandem"),
              HasSubstr("shop.test A " + address_of(old) + " -> " + address_of(now) +
                        "; resolvers may go on with the old address for 60 s"));
  EXPECT_TRUE(wait_until([&] { return told(now).find("names:") == std::string::npos; }, soon));
  EXPECT_THAT(on(lab(), now, "tandem dns"), HasSubstr(address_of(now) + " (TTL 120 s)"));
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Dns, AFailoverChangesThemToo) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(lab().cut(old));
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  for (const auto* name : {"shop.test", "www.shop.test", "second.test", "third.test"})
    EXPECT_EQ(asked(name), address_of(now)) << name;
  ASSERT_OK(lab().boot(old));
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Dns, OneThatCannotBeChangedKeepsNoOtherFromIt) {
  const auto old = primary();
  const auto now = other(old);
  start({"second.test"});
  on(lab(), "tre",
     "printf 'server 10.77.0.13\\nzone third.test\\nupdate delete third.test. A\\nupdate add third.test. 60 A "
     "10.77.0.99\\nsend\\n' | nsupdate -k <(printf 'key \"shops\" { algorithm hmac-sha256; secret "
     "\"c2hvcHMgb2YgdGhlIGxhYiwgYW5kIG9mIG5vYm9keSBlbHNl\"; };')");
  ASSERT_EQ(asked("third.test"), "10.77.0.99") << "somebody else leads it elsewhere";
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_EQ(asked("shop.test"), address_of(now));
  EXPECT_EQ(asked("second.test"), address_of(old)) << "its key may not change it";
  EXPECT_EQ(asked("third.test"), "10.77.0.99") << "it was not the pair's";
  EXPECT_TRUE(wait_until([&] { return told(now).find("REFUSED") != std::string::npos; }, soon)) << told(now);
  EXPECT_THAT(told(now), HasSubstr("third.test leads to 10.77.0.99, which is not the pair's alone"));
  const auto refused = pair().tandem(now, {"dns", "switch"});
  EXPECT_FALSE(refused);
  start({});
  ASSERT_OK(pair().tandem(now, {"dns", "switch"}));
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Dns, AreChangedOnceTheNameServerAnswersAgain) {
  const auto old = primary();
  const auto now = other(old);
  ASSERT_OK(stop_name_servers(lab()));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_TRUE(wait_until(
      [&] { return told(now).find("the name server 10.77.0.13 does not answer") != std::string::npos; }, soon))
      << told(now);
  ASSERT_OK(resume_name_servers(lab()));
  EXPECT_TRUE(wait_until([&] { return asked("third.test") == address_of(now); }, std::chrono::minutes(2)));
  EXPECT_EQ(asked("shop.test"), address_of(now));
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Dns, AreChangedByAProgramOfTheOperators) {
  const auto old = primary();
  const auto now = other(old);
  for (const auto& host : {old, now})
    ASSERT_OK(lab().write_file(host, "/usr/local/bin/names", "#!/bin/sh\ncat >> /root/changes\n", 0755));
  apply(toml("provider = \"command\"\nserver = \"10.77.0.13\"\ncommand = [\"/usr/local/bin/names\"]\n"));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  const auto first = Json::parse(on(lab(), now, "head -1 /root/changes"), nullptr, false);
  EXPECT_EQ(first["name"], "shop.test");
  EXPECT_EQ(first["zone"], "shop.test");
  EXPECT_EQ(first["from"]["A"], Json::array({address_of(old)}));
  EXPECT_EQ(first["to"]["A"], Json::array({address_of(now)}));
  EXPECT_EQ(first["ttl"], 60);
}

TEST_F(Dns, ThatAPersonChangesAreNamed) {
  const auto old = primary();
  const auto now = other(old);
  apply(toml("provider = \"manual\"\nserver = \"10.77.0.13\"\n"));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_TRUE(wait_until(
      [&] { return told(now).find("shop.test A " + address_of(old) + " -> " + address_of(now)) != std::string::npos; },
      soon));
  EXPECT_EQ(asked("shop.test"), address_of(old));
}

TEST_F(Dns, AreLeftAloneWhereNobodyIsNamedToChangeThem) {
  const auto old = primary();
  const auto now = other(old);
  apply(toml("provider = \"none\"\n"));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  EXPECT_EQ(asked("shop.test"), address_of(old));
  EXPECT_EQ(wait_until_whole(), now);
}

} // namespace tandem::lab
