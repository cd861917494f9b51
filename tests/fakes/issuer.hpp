// A certificate authority whose certificates are readable text.
#pragma once
#include "base/text.hpp"
#include "converge/certificates.hpp"

namespace tandem::fakes {

class Issuer final : public converge::CertificateIssuer {
public:
  explicit Issuer(std::chrono::system_clock::time_point now) : now_(now) {}

  // A key may stand before it.
  Result<converge::CertificateFacts> inspect(const std::string& pem) override {
    const auto parts = split(pem.substr(pem.starts_with("key") ? 3 : 0), '|');
    if (parts.size() != 2 || parts[0] != "fake") return failed("no certificate");
    return converge::CertificateFacts{split(parts[1], ','), now_, now_ + std::chrono::hours(24 * 365), true};
  }

  Result<converge::IssuedCertificate> issue(const std::vector<std::string>& names,
                                            std::chrono::hours /*lifetime*/) override {
    return converge::IssuedCertificate{"fake|" + join(names, ","), "key"};
  }

private:
  std::chrono::system_clock::time_point now_;
};

} // namespace tandem::fakes
