// The port to the pair's own certificate authority.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tandem::converge {

struct CertificateFacts {
  std::vector<std::string> names; // common name first, then the alternative names that differ from it
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  bool ours = false; // signed by the pair's authority
};

struct IssuedCertificate {
  std::string certificate; // PEM
  std::string key;         // PEM
};

class CertificateIssuer {
public:
  virtual ~CertificateIssuer() = default;
  // What a PEM text says; an error when it is no certificate.
  virtual Result<CertificateFacts> inspect(const std::string& pem) = 0;
  virtual Result<IssuedCertificate> issue(const std::vector<std::string>& names, std::chrono::hours lifetime) = 0;
};

} // namespace tandem::converge
