#include "peer/authority.hpp"
#include "peer/openssl.hpp"
#include "peer/token.hpp"

#include <gtest/gtest.h>

namespace tandem::peer {
namespace {

const WallTime now = std::chrono::system_clock::from_time_t(1'790'000'000);

Authority authority(const std::string& pair = "shops") {
  return Authority::make(pair, now).value();
}

TEST(Authority, ServerCertificateBelongsToItsAuthorityAndKey) {
  const Authority made = authority();
  const auto issued = made.issue(server_subject("uno", {"192.0.2.11", "2001:db8::11"}), now, server_lifetime);
  ASSERT_TRUE(issued) << issued.error().message;
  EXPECT_TRUE(check_identity(issued->certificate, issued->key, made.certificate(), now));
  EXPECT_EQ(common_name(issued->certificate).value(), "uno");
  const auto parsed = openssl::read_certificate(issued->certificate).value();
  EXPECT_EQ(X509_check_ip_asc(parsed.get(), "192.0.2.11", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(parsed.get(), "2001:db8::11", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(parsed.get(), "192.0.2.12", 0), 0);
  EXPECT_EQ(X509_check_purpose(parsed.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(parsed.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
}

TEST(Authority, SiteCertificateServesItsNamesAndIsNoClient) {
  const auto issued = authority().issue(site_subject("janome.club", {"www.janome.club"}), now, site_lifetime).value();
  const auto parsed = openssl::read_certificate(issued.certificate).value();
  EXPECT_EQ(X509_check_host(parsed.get(), "www.janome.club", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(parsed.get(), "example.org", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_purpose(parsed.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
}

TEST(Authority, SiteCertificateOfAVeryLongDomainCarriesItAsAlternativeName) {
  const std::string domain = std::string(60, 'a') + ".example.org";
  const auto issued = authority().issue(site_subject(domain, {}), now, site_lifetime);
  ASSERT_TRUE(issued) << issued.error().message;
  const auto parsed = openssl::read_certificate(issued->certificate).value();
  EXPECT_EQ(X509_check_host(parsed.get(), domain.c_str(), 0, 0, nullptr), 1);
}

TEST(Authority, ExpiryIsNowPlusLifetime) {
  const auto issued = authority().issue(server_subject("uno", {}), now, std::chrono::hours(48)).value();
  EXPECT_EQ(expiry(issued.certificate).value(), now + std::chrono::hours(48));
}

TEST(Authority, CertificateIsNoIdentityAfterItsEnd) {
  const Authority made = authority();
  const auto issued = made.issue(server_subject("uno", {}), now, std::chrono::hours(1)).value();
  const auto checked = check_identity(issued.certificate, issued.key, made.certificate(), now + std::chrono::hours(2));
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("expired"), std::string::npos) << checked.error().message;
}

TEST(Authority, CertificateOfAnotherAuthorityOfTheSameNameIsRefused) {
  const auto issued = authority().issue(server_subject("uno", {}), now, server_lifetime).value();
  EXPECT_FALSE(check_identity(issued.certificate, issued.key, authority().certificate(), now));
}

TEST(Authority, IsTheSameAfterItWasWrittenDown) {
  const Authority made = authority();
  const auto loaded = Authority::load(made.certificate(), made.key());
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto issued = loaded->issue(server_subject("duo", {}), now, server_lifetime).value();
  EXPECT_TRUE(check_identity(issued.certificate, issued.key, made.certificate(), now));
}

TEST(Authority, KeyOfAnotherAuthorityIsNotLoaded) {
  EXPECT_FALSE(Authority::load(authority().certificate(), authority().key()));
}

TEST(Authority, ServerCertificateIsNoAuthority) {
  const auto issued = authority().issue(server_subject("uno", {}), now, server_lifetime).value();
  EXPECT_FALSE(Authority::load(issued.certificate, issued.key));
}

TEST(Authority, SignsARequestWithTheNamesItChoseItself) {
  const Authority made = authority();
  const std::string key = make_key().value();
  const std::string request = make_request(key, "whatever it asks for").value();
  const auto certificate = made.sign(request, server_subject("duo", {"192.0.2.12"}), now, server_lifetime);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_EQ(common_name(*certificate).value(), "duo");
  EXPECT_TRUE(check_identity(*certificate, key, made.certificate(), now));
}

TEST(Authority, RequestThatWasTamperedWithIsNotSigned) {
  std::string request = make_request(make_key().value(), "duo").value();
  const auto at = request.find('\n') + 40;
  request[at] = request[at] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(authority().sign(request, server_subject("duo", {}), now, server_lifetime));
}

TEST(Authority, BadAddressIsAnError) {
  EXPECT_FALSE(authority().issue(server_subject("uno", {"192.0.2.300"}), now, server_lifetime));
}

TEST(Authority, GarbageIsRefusedEverywhere) {
  EXPECT_FALSE(Authority::load("", ""));
  EXPECT_FALSE(fingerprint("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(expiry("x"));
  EXPECT_FALSE(make_request("x", "duo"));
}

TEST(Authority, FingerprintIsTheSha256OfTheCertificate) {
  const Authority made = authority();
  EXPECT_EQ(fingerprint(made.certificate()).value().size(), 64U);
  EXPECT_NE(fingerprint(made.certificate()).value(), fingerprint(authority().certificate()).value());
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(JoinToken, ReadsWhatItPrinted) {
  const JoinToken token = make_token(fingerprint(authority().certificate()).value()).value();
  EXPECT_EQ(parse_token("  " + to_text(token) + "\n").value(), token);
  EXPECT_NE(make_token(token.authority).value().secret, token.secret);
}

TEST(JoinToken, AnythingElseIsRefusedWithAHint) {
  const std::string good = to_text(make_token(std::string(64, 'a')).value());
  for (const std::string& bad : {std::string(), std::string("t1"), good.substr(1), good + "0", good + "-0",
                                 good.substr(0, good.size() - 1), "t2" + good.substr(2), std::string("t1-x-y")}) {
    const auto parsed = parse_token(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid);
    EXPECT_FALSE(parsed.error().hint.empty());
  }
}

} // namespace
} // namespace tandem::peer
