// The pair's authority behind converge's port.
#pragma once
#include "converge/certificates.hpp"
#include "peer/authority.hpp"
#include "system/clock.hpp"

namespace tandem::agent {

class PairIssuer final : public converge::CertificateIssuer {
public:
  PairIssuer(const peer::Authority& authority, system::Clock& clock) : authority_(authority), clock_(clock) {}

  Result<converge::CertificateFacts> inspect(const std::string& pem) override;
  // Names that are addresses become address entries; a certificate whose first name is a server of the pair is for
  // its database, any other for a site.
  Result<converge::IssuedCertificate> issue(const std::vector<std::string>& names,
                                            std::chrono::hours lifetime) override;

private:
  const peer::Authority& authority_;
  system::Clock& clock_;
};

} // namespace tandem::agent
