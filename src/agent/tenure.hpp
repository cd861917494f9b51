// The role in which a server began work that takes long: an apply or a repair must neither go on nor start a service
// once that role has ended.
#pragma once
#include "agent/agent.hpp"

namespace tandem::agent {

class Tenure {
public:
  // The role as it is now. A primary that does not know yet whether it may serve is waited for a moment; unavailable
  // when it does not learn it. Worker thread.
  static Result<Tenure> begin(Agent& agent, const std::function<bool()>& ended);

  [[nodiscard]] const peer::Standing& standing() const { return standing_; }

  // refused when another server has become the primary since, this one may not serve any more, or a runbook is at work.
  // Any thread but the loop's.
  [[nodiscard]] Result<void> still() const;

private:
  Tenure(Agent& agent, peer::Standing standing) : agent_(agent), standing_(std::move(standing)) {}

  Agent& agent_;
  peer::Standing standing_;
};

} // namespace tandem::agent
