// What a certificate says, for comparing it with what should be.
#pragma once
#include "peer/authority.hpp"

namespace tandem::peer {

struct CertificateDetails {
  std::vector<std::string> names; // the common name, then the alternative names that differ from it, as text
  WallTime not_before;
  WallTime not_after;
  std::string issuer;      // common name, or the organisation's
  std::string fingerprint; // SHA-256, in hexadecimal
};

// Of the first certificate in the text; an error when there is none.
Result<CertificateDetails> certificate_details(const std::string& pem);
// Whether the text holds a private key that fits its first certificate.
Result<void> check_key(const std::string& pem);
// The fingerprint of the certificate that a TLS server at this IPv4 address shows who asks for that name, believed or
// not. Blocks the calling thread, at most so long.
Result<std::string> served_fingerprint(const std::string& address, std::uint16_t port, const std::string& name,
                                       std::chrono::milliseconds limit);
// Whether the certificate carries the signature of the authority whose certificate is given. Says nothing of time.
Result<bool> is_signed_by(const std::string& pem, const std::string& authority);

} // namespace tandem::peer
