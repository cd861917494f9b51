#include "peer/certificate_details.hpp"

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

TEST(CertificateDetails, TextThatIsNoCertificateIsAnError) {
  EXPECT_FALSE(certificate_details("nothing"));
  EXPECT_FALSE(certificate_details(""));
}

} // namespace tandem::peer
