// Certificates of a real ACME server: got and renewed by the primary, served by both servers.
#include "base/text.hpp"
#include "lab/acme.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

// A second ACME server, whose certificates hardly live.
const Acme hasty{.unit = "pebble-hasty", .port = 14010, .lifetime = std::chrono::seconds(90)};

constexpr std::chrono::minutes a_renewal{4}; // of one of those comes after a minute

constexpr auto* second_site = R"([[site]]
domain = "second.test"
aliases = ["www.second.test"]
repo = "http://tre/git/shop.git"
owner = "nikolays"
wsgi = "shop.wsgi:application"
)";

class Certificates : public PairTest {
protected:
  void prepare() override {
    const auto authority = start_acme(lab());
    ASSERT_OK(authority);
    ASSERT_OK(start_acme(lab(), hasty));
    const auto serving = primary();
    ASSERT_OK(lead_names_to(lab(), address_of(serving)));
    on(lab(), serving, "install -d -m 0700 /etc/tandem/secrets");
    ASSERT_OK(lab().write_file(serving, "/etc/tandem/secrets/acme.pem", *authority, 0600));
    apply(with_acme(directory_of({})));
  }

  void SetUp() override {
    PairTest::SetUp();
    ASSERT_OK(lead_names_to(lab(), address_of(primary())));
  }

  static std::string with_acme(const std::string& directory, const std::string& more = {}) {
    return shop_toml({.more = std::string(second_site) + "[certificates]\nacme = \"" + directory +
                              "\"\nca_bundle = \"secrets/acme.pem\"\n" + more});
  }

  // What a browser on tre sees of that name at that server: issuer and fingerprint.
  static std::string served(const std::string& host, const std::string& name) {
    return on(
        lab(), "tre",
        fmt::format("openssl s_client -connect {}:443 -servername {} </dev/null 2>/dev/null | openssl x509 -noout "
                    "-issuer -fingerprint -sha256 2>&1 || true",
                    address_of(host), name));
  }

  static bool is_by_acme(const std::string& host, const std::string& name) {
    return served(host, name).find("Pebble") != std::string::npos;
  }

  static bool same_on_both(const std::string& name) {
    return is_by_acme("uno", name) && served("uno", name) == served("duo", name);
  }

  static void wait_for_certificates() {
    for (const auto* name : {"shop.test", "second.test"})
      ASSERT_TRUE(wait_until([&] { return same_on_both(name); }, soon)) << on(lab(), primary(), "tandem certificates");
  }

  static std::string told() { return on(lab(), primary(), "tandem status 2>&1 || true"); }
};

} // namespace

TEST_F(Certificates, AreGotByThemselvesAndServedByBothServers) {
  wait_for_certificates();
  const auto root = issuer_of(lab());
  ASSERT_OK(root);
  ASSERT_OK(lab().write_file("tre", "/root/issuer.pem", *root, 0644));
  for (const auto* host : {"uno", "duo"})
    for (const auto* name : {"shop.test", "www.shop.test", "second.test", "www.second.test"})
      EXPECT_THAT(on(lab(), "tre",
                     fmt::format("curl -s -o /dev/null -w '%{{ssl_verify_result}}' --cacert /root/issuer.pem --resolve "
                                 "{0}:443:{1} https://{0}/ || true",
                                 name, address_of(host))),
                  testing::Eq("0"))
          << name << " on " << host;
  EXPECT_TRUE(wait_until([&] { return told().find("certificate") == std::string::npos; }, soon)) << told();
  const auto listed = on(lab(), "uno", "tandem certificates");
  EXPECT_THAT(listed, HasSubstr("Pebble Intermediate"));
  EXPECT_THAT(listed, testing::Not(HasSubstr("nginx does not serve it")));
  for (const auto* host : {"uno", "duo"})
    EXPECT_EQ(on(lab(), host, "stat -c '%a %U' /etc/tandem/certificates/shop.test.pem"), "600 root");
  EXPECT_THAT(on(lab(), primary(), "tandem plan"), HasSubstr("no changes")) << "apply leaves them alone";
}

TEST_F(Certificates, AQuestionThatReachesTheStandbyIsAnsweredByThePrimary) {
  wait_for_certificates();
  const auto serving = primary();
  ASSERT_OK(lead_names_to(lab(), address_of(other(serving))));
  const auto before = served(serving, "shop.test");
  ASSERT_OK(pair().tandem(serving, {"certificates", "renew", "shop.test"}));
  ASSERT_OK(lead_names_to(lab(), address_of(serving)));
  EXPECT_TRUE(wait_until([&] { return served(serving, "shop.test") != before && same_on_both("shop.test"); }, soon));
}

TEST_F(Certificates, WhoAsksWhileOneIsBeingGotWaits) {
  wait_for_certificates();
  const auto serving = primary();
  const auto said = on(lab(), serving,
                       "tandem certificates renew shop.test > /root/first 2>&1 & "
                       "tandem certificates renew second.test 2>&1; wait; cat /root/first");
  EXPECT_THAT(said, HasSubstr("second.test has a new certificate"));
  EXPECT_THAT(said, HasSubstr("shop.test has a new certificate"));
  EXPECT_TRUE(wait_until([] { return same_on_both("shop.test") && same_on_both("second.test"); }, soon));
}

TEST_F(Certificates, AFailureIsToldAndTheOneAtHandIsServedOn) {
  wait_for_certificates();
  const auto serving = primary();
  const auto before = served(serving, "shop.test");
  ASSERT_OK(lead_names_to(lab(), "10.77.0.99"));
  const auto refused = pair().tandem(serving, {"certificates", "renew", "shop.test"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("10.77.0.99")) << "what the ACME server had against it";
  EXPECT_EQ(served(serving, "shop.test"), before);
  EXPECT_THAT(told(), HasSubstr("the certificate of shop.test: certbot: "));
  const auto elsewhere = pair().tandem(other(serving), {"certificates", "renew"});
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error().message, HasSubstr(other(serving) + " is not the primary"));
  ASSERT_OK(lead_names_to(lab(), address_of(serving)));
  ASSERT_OK(pair().tandem(serving, {"certificates", "renew", "shop.test"}));
  EXPECT_EQ(wait_until_whole(), serving);
}

TEST_F(Certificates, WhatTheStandbyHasLostOrNginxDoesNotServeIsMended) {
  wait_for_certificates();
  const auto standby = other(primary());
  const auto before = served(standby, "shop.test");
  on(lab(), standby,
     "systemctl stop tandem; cp /etc/tandem/certificates/second.test.pem "
     "/etc/tandem/certificates/shop.test.pem; systemctl reload nginx; systemctl start tandem");
  EXPECT_TRUE(wait_until([&] { return served(standby, "shop.test") == before; }, soon));
}

// As after an agent that died between the two.
TEST_F(Certificates, OneThatIsThereAndNotServedIsServed) {
  wait_for_certificates();
  const auto standby = other(primary());
  const auto before = served(standby, "shop.test");
  on(lab(), standby,
     "systemctl stop tandem; cd /etc/tandem/certificates; cp -p shop.test.pem /root/right.pem; cp second.test.pem "
     "shop.test.pem; systemctl reload nginx");
  ASSERT_TRUE(wait_until([&] { return served(standby, "shop.test") != before; }, soon));
  on(lab(), standby, "cp -p /root/right.pem /etc/tandem/certificates/shop.test.pem; systemctl start tandem");
  EXPECT_TRUE(wait_until([&] { return served(standby, "shop.test") == before; }, std::chrono::minutes(2)));
}

TEST_F(Certificates, WhoMayReadThemIsMendedWithoutTouchingThem) {
  wait_for_certificates();
  const auto before = served(primary(), "shop.test");
  on(lab(), primary(), "chmod 0644 /etc/tandem/certificates/shop.test.pem");
  ASSERT_OK(pair().tandem(primary(), {"apply"}));
  EXPECT_EQ(on(lab(), primary(), "stat -c %a /etc/tandem/certificates/shop.test.pem"), "600");
  EXPECT_EQ(served(primary(), "shop.test"), before);
}

// Each server in turn renews what it serves; nobody is asked for anything.
TEST_F(Certificates, ShortLivedOnesAreRenewedByWhoeverIsThePrimary) {
  wait_for_certificates();
  const auto old = primary();
  apply(with_acme(directory_of(hasty)));
  ASSERT_OK(pair().tandem(old, {"certificates", "renew"}));
  const auto first = served(old, "shop.test");
  EXPECT_TRUE(wait_until([&] { return served(old, "shop.test") != first && same_on_both("shop.test"); }, a_renewal));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  const auto now = other(old);
  ASSERT_OK(lead_names_to(lab(), address_of(now)));
  const auto second = served(now, "shop.test");
  EXPECT_TRUE(wait_until([&] { return served(now, "shop.test") != second && same_on_both("shop.test"); }, a_renewal))
      << on(lab(), now, "journalctl -q -n 30 -u tandem");
  EXPECT_THAT(on(lab(), now, "journalctl -q -u tandem"), HasSubstr("getting a certificate for shop.test"));
  apply(with_acme(directory_of({})));
  ASSERT_OK(pair().tandem(now, {"certificates", "renew"}));
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Certificates, AreRenewedWhenTheFileSays) {
  wait_for_certificates();
  const auto serving = primary();
  const auto until = [&](const std::string& which) {
    const auto listed = Json::parse(on(lab(), serving, "tandem certificates --json"), nullptr, false);
    return std::stoll(
        on(lab(), serving, "date -ud '" + listed["shop.test"][serving][which].get<std::string>() + "' +%s"));
  };
  const auto days = [&] { return static_cast<double>(until("until") - until("renewed_from")) / 86400; };
  EXPECT_NEAR(days(), 2, 0.01) << "a third of six days";
  apply(with_acme(directory_of({}), "renew_before = \"1d\"\n"));
  EXPECT_TRUE(wait_until([&] { return std::abs(days() - 1) < 0.01; }, soon));
  apply(with_acme(directory_of({})));
}

} // namespace tandem::lab
