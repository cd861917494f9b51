#include "agent/pair_issuer.hpp"

#include "peer/certificate_details.hpp"

#include <arpa/inet.h>

#include <array>

namespace tandem::agent {

namespace {

bool is_address(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

} // namespace

Result<converge::CertificateFacts> PairIssuer::inspect(const std::string& pem) {
  TANDEM_TRY(auto details, peer::certificate_details(pem));
  TANDEM_TRY(const bool ours, peer::is_signed_by(pem, authority_.certificate()));
  return converge::CertificateFacts{std::move(details.names), details.not_before, details.not_after, ours};
}

Result<converge::IssuedCertificate> PairIssuer::issue(const std::vector<std::string>& names,
                                                      std::chrono::hours lifetime) {
  peer::Subject subject{.name = names.front(), .unit = peer::site_unit, .dns_names = {}, .addresses = {}};
  for (const auto& name : names)
    (is_address(name) ? subject.addresses : subject.dns_names).push_back(name);
  // A server's database is also the client of another server's: it follows it when it is a standby.
  if (!subject.addresses.empty()) {
    subject.unit = peer::database_unit;
    subject.connects = true;
  }
  TANDEM_TRY(auto issued, authority_.issue(subject, clock_.wall_time(), lifetime));
  return converge::IssuedCertificate{std::move(issued.certificate), std::move(issued.key)};
}

} // namespace tandem::agent
