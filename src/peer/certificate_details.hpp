// What a certificate says, for comparing it with what should be.
#pragma once
#include "peer/authority.hpp"

namespace tandem::peer {

struct CertificateDetails {
  std::vector<std::string> names; // the common name, then the alternative names that differ from it, as text
  WallTime not_before;
  WallTime not_after;
};

// Of the first certificate in the text; an error when there is none.
Result<CertificateDetails> certificate_details(const std::string& pem);
// Whether the certificate carries the signature of the authority whose certificate is given. Says nothing of time.
Result<bool> is_signed_by(const std::string& pem, const std::string& authority);

} // namespace tandem::peer
