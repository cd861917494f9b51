// The pair's own certificate authority: EC P-256 keys, X.509 certificates, all as PEM text in memory. Callers
// write keys with mode 0600 and nowhere else. Nothing here reads a clock or a file.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tandem::peer {

using WallTime = std::chrono::system_clock::time_point;

struct CertifiedKey {
  std::string certificate; // PEM
  std::string key;         // PEM, PKCS #8
};

// What a certificate is to say. `unit` (the subject's OU) keeps the kinds apart: only server_unit opens the
// peers' channel, so that a site's key, which nginx reads, never does.
struct Subject {
  std::string name;                   // the subject's CN
  std::string unit;                   // the subject's OU
  std::vector<std::string> dns_names; // subject alternative names
  std::vector<std::string> addresses; // the same, IPv4 or IPv6
  bool serves = true;                 // TLS server usage
  bool connects = false;              // TLS client usage
};

constexpr const char* server_unit = "tandem server";
constexpr const char* site_unit = "tandem site";
constexpr const char* database_unit = "tandem database";

constexpr std::chrono::hours authority_lifetime{24 * 365 * 30};
constexpr std::chrono::hours server_lifetime{24 * 365 * 10};
constexpr std::chrono::hours site_lifetime{24 * 397};

class Authority {
public:
  // A new authority named after the pair. Certificates are valid from a day before `now`, because the clocks of
  // two servers may differ.
  static Result<Authority> make(const std::string& pair_name, WallTime now,
                                std::chrono::seconds lifetime = authority_lifetime);
  // One that was written down before; the key must belong to the certificate.
  static Result<Authority> load(const std::string& certificate, const std::string& key);

  ~Authority();
  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) noexcept;

  [[nodiscard]] const std::string& certificate() const { return certificate_; }

  [[nodiscard]] const std::string& key() const { return key_; }

  // A new key with a certificate.
  [[nodiscard]] Result<CertifiedKey> issue(const Subject& subject, WallTime now, std::chrono::seconds lifetime) const;
  // A certificate for the key of a signing request (PEM). Of the request only its key is used, after the proof
  // that the asker holds it; what the certificate says is the caller's word.
  [[nodiscard]] Result<std::string> sign(const std::string& request, const Subject& subject, WallTime now,
                                         std::chrono::seconds lifetime) const;

private:
  struct Parts;
  Authority(std::unique_ptr<Parts> parts, std::string certificate, std::string key);

  std::unique_ptr<Parts> parts_;
  std::string certificate_;
  std::string key_;
};

// The subject of a server's certificate: named after the server, valid for its addresses, both ends of TLS.
Subject server_subject(const std::string& server, std::vector<std::string> addresses);
// Of a site's: its domain and aliases. Stands in until a public authority has issued one.
Subject site_subject(const std::string& domain, const std::vector<std::string>& aliases);

// A new private key (PEM).
Result<std::string> make_key();
// A signing request (PEM) for the key.
Result<std::string> make_request(const std::string& key, const std::string& name);
// SHA-256 of the certificate in hexadecimal, 64 digits.
Result<std::string> fingerprint(const std::string& certificate);
// SHA-256 of the public key, in hexadecimal; the same for a key's request and its certificate.
Result<std::string> request_key_fingerprint(const std::string& request);
Result<WallTime> expiry(const std::string& certificate);
Result<std::string> common_name(const std::string& certificate);
// Whether the certificate was issued by the authority whose certificate is given, holds at `now`, and belongs to
// the private key.
Result<void> check_identity(const std::string& certificate, const std::string& key, const std::string& authority,
                            WallTime now);

// SHA-256 of any bytes, in hexadecimal.
std::string sha256(std::string_view bytes);
// So many bytes from the system's random source, in hexadecimal.
Result<std::string> random_hex(std::size_t bytes);

} // namespace tandem::peer
