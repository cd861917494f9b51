// A real ACME server (Pebble) on tre, and the name server that it asks where a name leads: every name to one server.
#pragma once
#include "lab/lab.hpp"

#include <chrono>

namespace tandem::lab {

struct Acme {
  std::string unit = "pebble";                                // of systemd, on tre
  std::uint16_t port = 14000;                                 // the next one is for its management
  std::chrono::seconds lifetime = std::chrono::hours(24 * 6); // of the certificates that it issues
};

// Its directory, as [certificates] acme names it.
[[nodiscard]] std::string directory_of(const Acme& acme);
// Installs Pebble from the lab's archive and starts it. Afterwards the hosts know it by this CA, a PEM text, which
// [certificates] ca_bundle needs. Idempotent; each start is a new authority, which knows nobody.
Result<std::string> start_acme(Lab& lab, const Acme& acme = {});
// The certificate of the authority that signs what it issues, a PEM text.
Result<std::string> issuer_of(Lab& lab, const Acme& acme = {});
// Where every name leads from now on, as the ACME server sees it.
Result<void> lead_names_to(Lab& lab, const std::string& address);

} // namespace tandem::lab
