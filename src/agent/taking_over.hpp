// What comes before an apply on a pair that was set up by hand, so that its sites answer throughout: their own
// applications go on, behind tandem's nginx and its gate, until the first deploy of each.
#pragma once
#include "agent/server_setup.hpp"
#include "model/by_hand.hpp"

namespace tandem::agent {

// What `tandem adopt` wrote beside that tandem.toml; nothing when it wrote none.
Result<model::ByHand> read_by_hand(system::Files& files, const std::string& configuration_file);

class TakingOver {
public:
  using Tell = std::function<void(const std::string& line)>;

  // All of it must outlive it.
  TakingOver(OperationContext& context, const SetupInput& input, system::Applications& applications, Tell tell)
      : context_(context), input_(input), applications_(applications), tell_(std::move(tell)) {}

  // On this server: what compares the files by hand ends, visitors go on getting the certificate that they know, the
  // folders that releases share lie where they belong, and a standby's PostgreSQL keeps no upstream of its own that
  // would be stronger than tandem's. Idempotent. -> whether a site is still served by hand here, so that nginx has to
  // be led to it before anything else is changed.
  Result<bool> begin();

private:
  Result<void> take_certificate(const model::SiteByHand& site);
  Result<void> free_upstream();

  OperationContext& context_;
  const SetupInput& input_;
  system::Applications& applications_;
  Tell tell_;
};

} // namespace tandem::agent
