// The sites' certificates, for a person and between agents.
#pragma once
#include "agent/certificate_keeper.hpp"

namespace tandem::agent {

// {"site"?: domain}: on the primary: new ones now. -> {"sites": [{"domain"}]}
Operation certificates_renew_operation(std::shared_ptr<CertificateKeeper> keeper);
// Between agents: {} -> {domain: fingerprint}
Operation certificates_held_operation(std::shared_ptr<CertificateKeeper> keeper);
// Between agents, from the primary: {"domain", "pem"}
Operation certificates_put_operation(std::shared_ptr<CertificateKeeper> keeper);

} // namespace tandem::agent
