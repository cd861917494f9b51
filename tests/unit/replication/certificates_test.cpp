#include "fakes/server.hpp"
#include "replication/certificates/certificates.hpp"

#include <gmock/gmock.h>

namespace tandem::replication {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

const WallTime noon = WallTime(std::chrono::hours(24 * 365 * 56));
const std::set<std::string> names{"shop.example", "www.shop.example"};

HeldCertificate ninety_days() {
  return {.names = names, .not_before = noon, .not_after = noon + hours(24 * 90)};
}

TEST(CertificateIsDue, WhenAThirdOfItsLifetimeIsLeftHoweverLongThatIs) {
  const auto held = ninety_days();
  EXPECT_EQ(why_due(held, names, {}, noon + hours(24 * 60) - hours(1)), std::nullopt);
  EXPECT_EQ(why_due(held, names, {}, noon + hours(24 * 60)), "it is to be renewed");
  auto six_days = held;
  six_days.not_after = noon + hours(24 * 6);
  EXPECT_EQ(renewal_time(six_days, {}), noon + hours(24 * 4));
  EXPECT_EQ(why_due(held, names, {}, noon + hours(24 * 90)), "it has expired");
}

TEST(CertificateIsDue, AsLongBeforeItsEndAsTheFileSaysButNotAsSoonAsItIsThere) {
  EXPECT_EQ(renewal_time(ninety_days(), hours(24 * 20)), noon + hours(24 * 70));
  auto six_days = ninety_days();
  six_days.not_after = noon + hours(24 * 6);
  EXPECT_EQ(renewal_time(six_days, hours(24 * 20)), noon + hours(24 * 3));
}

TEST(CertificateIsDue, WhenItIsNotWhatTheSiteNeeds) {
  EXPECT_EQ(why_due(std::nullopt, names, {}, noon), "there is none");
  auto held = ninety_days();
  held.temporary = true;
  EXPECT_EQ(why_due(held, names, {}, noon), "the one that is there is the pair's own");
  held = ninety_days();
  held.names = {"shop.example"};
  EXPECT_EQ(why_due(held, names, {}, noon), "www.shop.example is not among its names");
  held.names = {"shop.example", "www.shop.example", "old.shop.example"};
  EXPECT_EQ(why_due(held, names, {}, noon), "it has names that the site has no more");
}

TEST(CertificateEndsSoon, BelowAFifthOfItsLifetimeOrWhatTheFileSays) {
  const auto held = ninety_days();
  EXPECT_FALSE(ends_soon(held, {}, noon + hours(24 * 72)));
  EXPECT_TRUE(ends_soon(held, {}, noon + hours(24 * 72) + hours(1)));
  EXPECT_TRUE(ends_soon(held, hours(24 * 80), noon + hours(24 * 11)));
}

TEST(CertificateAttempts, AreFewAnHour) {
  std::chrono::seconds hour{0};
  int tries = 0;
  for (; hour < hours(1); hour += wait_after(++tries)) {
  }
  EXPECT_LE(tries, 5) << "Let's Encrypt refuses more failures than that";
  EXPECT_EQ(wait_after(1), std::chrono::minutes(1)) << "the cause may have been mended at once";
  EXPECT_EQ(wait_after(1000), hours(6));
}

struct CertbotTest : ::testing::Test {
  fakes::Power power;
  fakes::Files files{power};
  fakes::Processes processes;
  Certbot certbot{files, processes, "/var/lib/tandem/certbot"};
  CertificateOrder order{.domain = "shop.example",
                         .names = {"a.shop.example", "shop.example"},
                         .directory = "https://acme.example/directory",
                         .mail = "ops@example.org"};

  void SetUp() override {
    for (const auto* folder : {"/var", "/var/lib", "/var/lib/tandem"})
      files.put_folder(folder);
  }
};

TEST_F(CertbotTest, IsAskedWithoutATerminalForAllNamesTheDomainFirst) {
  const auto command = certbot_command(certbot, order);
  const auto& words = command.arguments;
  const auto first = std::ranges::find(words, "--domain");
  ASSERT_NE(first, words.end());
  EXPECT_EQ(*(first + 1), "shop.example");
  EXPECT_EQ(*(first + 3), "a.shop.example");
  for (const auto* word : {"--non-interactive", "--agree-tos", "--force-renewal", "ops@example.org",
                           "/var/lib/tandem-challenges", "https://acme.example/directory"})
    EXPECT_NE(std::ranges::find(words, word), words.end()) << word;
  EXPECT_TRUE(command.environment.empty());
  order.mail.clear();
  order.own_bundle = true;
  const auto anonymous = certbot_command(certbot, order);
  EXPECT_NE(std::ranges::find(anonymous.arguments, "--register-unsafely-without-email"), anonymous.arguments.end());
  EXPECT_EQ(anonymous.environment.at("REQUESTS_CA_BUNDLE"), "/etc/tandem/acme-ca.pem");
}

TEST_F(CertbotTest, AFailureQuotesWhatTheAcmeServerHadAgainstIt) {
  processes.answer = [](const system::Command&) {
    return system::Outcome{.status = 1,
                           .output =
                               "Certbot failed to authenticate some domains (authenticator: webroot). The "
                               "Certificate Authority reported these problems:\n  Domain: shop.example\n  Type:   "
                               "connection\n  Detail: Fetching http://shop.example/.well-known/x: refused\n\nHint: "
                               "see the log\n",
                           .errors = "Some challenges have failed.\n"};
  };
  const auto got = obtain_certificate(certbot, order);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("Detail: Fetching http://shop.example/.well-known/x: refused"));
  EXPECT_THAT(got.error().message, ::testing::Not(HasSubstr("Hint")));
  processes.answer = [](const system::Command&) {
    return system::Outcome{.status = 1, .output = {}, .errors = "Saving debug log\nThe account is gone\n"};
  };
  EXPECT_THAT(obtain_certificate(certbot, order).error().message, HasSubstr("The account is gone"));
  processes.answer = [](const system::Command&) {
    return system::Outcome{.status = 1,
                           .output = {},
                           .errors = "An unexpected error occurred:\nNo address for acme.example\nAsk for help\n"};
  };
  EXPECT_THAT(obtain_certificate(certbot, order).error().message, HasSubstr("certbot: No address for acme.example"));
}

TEST_F(CertbotTest, WhatItGotIsOneTextOfKeyAndChain) {
  EXPECT_EQ(*obtained_certificate(certbot, "shop.example"), std::nullopt);
  files.put("/var/lib/tandem/certbot/config/live/shop.example/fullchain.pem", "CHAIN\n");
  files.put("/var/lib/tandem/certbot/config/live/shop.example/privkey.pem", "KEY\n");
  EXPECT_EQ(*obtained_certificate(certbot, "shop.example"), "KEY\nCHAIN\n");
}

} // namespace
} // namespace tandem::replication
