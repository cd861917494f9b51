#include "peer/certificate_details.hpp"
#include "peer/transport.hpp"
#include "support.hpp"

#include <gtest/gtest.h>

namespace tandem::peer {

TEST(CertificateDetails, NamesTimesAndIssuerAreReadBack) {
  const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
  const auto ours = Authority::make("shops", now).value();
  const auto theirs = Authority::make("others", now).value();
  auto subject = site_subject("janome.club", {"www.janome.club"});
  subject.addresses = {"192.0.2.11", "2001:db8::11"};
  const auto issued = ours.issue(subject, now, std::chrono::hours(24 * 90)).value();
  const auto details = certificate_details(issued.certificate);
  ASSERT_TRUE(details);
  EXPECT_EQ(details->names, (std::vector<std::string>{"janome.club", "www.janome.club", "192.0.2.11", "2001:db8::11"}));
  EXPECT_EQ(details->not_after, now + std::chrono::hours(24 * 90));
  EXPECT_LE(details->not_before, now);
  EXPECT_TRUE(is_signed_by(issued.certificate, ours.certificate()).value());
  EXPECT_FALSE(is_signed_by(issued.certificate, theirs.certificate()).value());
}

TEST(CertificateDetails, AKeyBesideItHasToFit) {
  const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
  const auto authority = Authority::make("shops", now).value();
  const auto one = authority.issue(site_subject("a.example", {}), now, std::chrono::hours(24)).value();
  const auto two = authority.issue(site_subject("b.example", {}), now, std::chrono::hours(24)).value();
  EXPECT_TRUE(check_key(one.key + one.certificate));
  EXPECT_FALSE(check_key(two.key + one.certificate));
  EXPECT_FALSE(check_key(one.certificate));
  EXPECT_EQ(certificate_details(one.key + one.certificate)->fingerprint,
            certificate_details(one.certificate)->fingerprint);
  EXPECT_EQ(certificate_details(one.certificate)->issuer, certificate_details(authority.certificate())->names.front());
}

TEST(CertificateDetails, WhatATlsServerShowsIsSeenWhetherItIsBelievedOrNot) {
  testing::RunningLoop loop;
  const auto now = std::chrono::system_clock::now();
  const auto authority = Authority::make("shops", now).value();
  const auto issued = authority.issue(server_subject("uno", {}), now, std::chrono::hours(24)).value();
  std::unique_ptr<Listener> listener;
  loop.on([&] {
    listener = listen_tls(
                   *loop, {"127.0.0.1", 0}, {authority.certificate(), issued.certificate, issued.key},
                   [] { return true; }, [](const ConnectionPtr&) {})
                   .value();
  });
  const auto port = loop.on([&] { return listener->port(); });
  const auto served = served_fingerprint("127.0.0.1", port, "uno", std::chrono::seconds(10));
  ASSERT_TRUE(served) << served.error().message;
  EXPECT_EQ(*served, certificate_details(issued.certificate)->fingerprint);
  loop.on([&] { listener.reset(); });
  EXPECT_FALSE(served_fingerprint("127.0.0.1", port, "uno", std::chrono::seconds(10)));
}

TEST(CertificateDetails, TextThatIsNoCertificateIsAnError) {
  EXPECT_FALSE(certificate_details("nothing"));
  EXPECT_FALSE(certificate_details(""));
}

} // namespace tandem::peer
