// Where the queue's copy on this server finds the primary's: a port on loopback that leads to it over the peers'
// channel. On the loop.
#pragma once
#include "agent/agent.hpp"

namespace tandem::agent {

class QueueRelay {
public:
  // Listens, where it does not yet, and ends what leads to a server that is not the primary any more. Again and again.
  void keep_up(Agent& agent);

  // Why it does not listen; empty: it does.
  [[nodiscard]] const std::string& problem() const { return problem_; }

private:
  struct State;
  std::shared_ptr<State> state_;
  std::unique_ptr<peer::Listener> listener_;
  std::string problem_;
};

// Which port a copy gets on this server: the queue's, while this server is the primary.
Result<std::uint16_t> accept_queue(Agent& agent, const std::string& server);

} // namespace tandem::agent
