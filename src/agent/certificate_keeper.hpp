// Keeps the sites' certificates: the primary gets them from the ACME server and hands them to the standbys; every
// server looks at what its nginx really serves.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/recurring.hpp"
#include "replication/certificates/certificates.hpp"

namespace tandem::agent {

class CertificateKeeper : public std::enable_shared_from_this<CertificateKeeper> {
public:
  // This server is a member and its keeper has started. On the loop; both must outlive the loop's turning.
  void start(Agent& agent, DutyKeeper& duties);

  // "certificates" of a server's status, and its problems, by the latest look.
  void add_status(const OperationContext& context, Json& status);

  // ---- worker thread
  // A person's: new ones now for that site, or for all; nothing is waited for that an earlier failure asks for.
  // Waits for what is being got already, and until nginx serves the new one: "served" in the answer.
  Result<Json> renew(OperationContext& context, const std::string& domain);
  // The primary hands one over.
  Result<void> take(Agent& agent, const std::string& from, const std::string& domain, const std::string& pem);
  // The fingerprints here, by domain.
  [[nodiscard]] Json fingerprints(Agent& agent);

private:
  struct Entry {
    std::optional<replication::HeldCertificate> held;
    std::string issuer;
    std::string fingerprint;
    std::string served; // its fingerprint; empty: not looked at, or nothing answers
    std::string problem;
    bool readable = false; // whether what is said of it here is so
    int failures = 0;
    std::optional<std::chrono::nanoseconds> next; // attempt, by the clock since the boot
  };

  using Lock = std::unique_lock<std::timed_mutex>;

  void work(Agent& agent, DutyKeeper& duties, bool all);
  void look(Agent& agent, const model::Pair& pair, bool served);
  Entry read(Agent& agent, const std::string& domain) const;
  Result<void> get(Agent& agent, const model::Pair& pair, const model::Site& site, bool anew);
  Result<void> install(Agent& agent, const std::string& domain, const std::string& pem);
  void reload_nginx(Agent& agent);
  void hand_out(Agent& agent, const model::Pair& pair);
  [[nodiscard]] bool is_due(Agent& agent, const model::Pair& pair, const model::Site& site);
  void note(Agent& agent, const std::string& domain, const Result<void>& got);

  Result<Lock> turn(const OperationContext& context);
  [[nodiscard]] bool comes_to_be_served(const OperationContext& context, const std::string& domain) const;

  std::timed_mutex work_;   // held by whoever gets or hands out
  std::uint64_t looks_ = 0; // the recurring work's alone
  // ---- on the loop
  std::shared_ptr<Recurring> recurring_;
  std::map<std::string, Entry> entries_;
};

} // namespace tandem::agent
