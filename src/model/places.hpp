// Places on a server that more than one layer knows.
#pragma once
#include <string>

namespace tandem::model {

// Beside tandem.toml: what `tandem adopt` found to serve the sites, which an apply goes on with.
inline constexpr auto* by_hand_file = "by-hand.json";

// What nginx reads of a site: PEM, key and chain in one file (so that a change is one rename), mode 0600.
[[nodiscard]] inline std::string certificate_path(const std::string& domain) {
  return "/etc/tandem/certificates/" + domain + ".pem";
}

// A folder for each site whose import takes uploads in, and what their units' names begin with.
inline constexpr auto* import_spool = "/var/spool/tandem/imports";
inline constexpr auto* import_prefix = "tandem-import-";
// From here nginx answers an ACME server's questions, on whichever server they arrive.
inline constexpr auto* challenge_folder = "/var/lib/tandem-challenges";
// Made of [dns] key_file.
inline constexpr auto* dns_key = "/etc/tandem/dns.key";
// Made of [certificates] ca_bundle.
inline constexpr auto* acme_bundle = "/etc/tandem/acme-ca.pem";

} // namespace tandem::model
