// Certificates that browsers trust: when one is due, and how certbot gets it.
#pragma once
#include "model/pair.hpp"
#include "system/files.hpp"
#include "system/processes.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace tandem::replication {

using WallTime = std::chrono::system_clock::time_point;

struct HeldCertificate {
  std::set<std::string> names;
  WallTime not_before;
  WallTime not_after;
  bool temporary = false; // of the pair's own authority, which no browser knows
};

// When it is to be renewed: so long before its end, or when a third of its lifetime is left. At the earliest after half
// of its lifetime: authorities shorten them, and one that is due as soon as it is there would be got for ever.
[[nodiscard]] WallTime renewal_time(const HeldCertificate& held, const std::optional<model::Seconds>& renew_before);
// Why a new one has to be got now; nullopt: it need not. Nothing held: there is none that can be read.
[[nodiscard]] std::optional<std::string> why_due(const std::optional<HeldCertificate>& held,
                                                 const std::set<std::string>& wanted,
                                                 const std::optional<model::Seconds>& renew_before, WallTime now);
// So little of its lifetime is left that a person is told; nullopt of the limit: a fifth of it.
[[nodiscard]] bool ends_soon(const HeldCertificate& held, const std::optional<model::Seconds>& limit, WallTime now);

// How long after so many failures in a row the next attempt waits. An ACME server refuses everything for hours after a
// handful of them (Let's Encrypt: five an hour for a name).
[[nodiscard]] std::chrono::seconds wait_after(int failures);

struct CertificateOrder {
  std::string domain;
  std::set<std::string> names; // the domain, too
  std::string directory;       // the ACME server's
  std::string mail;            // of the account; empty: none
  bool own_bundle = false;     // the ACME server is believed by model::acme_bundle
};

struct Certbot {
  system::Files& files;
  system::Processes& processes;
  std::string folder; // its own state: accounts, keys, logs
};

[[nodiscard]] system::Command certbot_command(const Certbot& certbot, const CertificateOrder& order);
// Asks the ACME server, up to some minutes. The error quotes certbot.
Result<void> obtain_certificate(const Certbot& certbot, const CertificateOrder& order);
// What certbot has got for that domain, as one text: key and chain; nullopt: nothing yet.
Result<std::optional<std::string>> obtained_certificate(const Certbot& certbot, const std::string& domain);

} // namespace tandem::replication
