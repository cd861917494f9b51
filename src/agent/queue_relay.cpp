#include "agent/queue_relay.hpp"

#include "model/ports.hpp"
#include "peer/stream.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

// One connection is what a copy needs. The latest counts: Redis has given up the one before it.
struct QueueRelay::State : std::enable_shared_from_this<QueueRelay::State> {
  system::Descriptor arrived; // waits for its way to the primary
  bool opening = false;
  std::string primary; // that the link leads to
  std::weak_ptr<peer::Connection> link;

  // A descriptor that goes away here closes the connection, and Redis tries again a second later.
  void take(Agent& agent, system::Descriptor copy) {
    const auto now = agent.state().standing.primary;
    if (now.empty() || now == agent.state().server || agent.network() == nullptr) return;
    arrived = std::move(copy);
    if (std::exchange(opening, true)) return;
    agent.network()->open_stream(
        now, "queue", Json::object(), [weak = weak_from_this(), &agent, now](Result<peer::ConnectionPtr> far) {
          const auto self = weak.lock();
          if (!self) return;
          self->opening = false;
          auto waiting = std::exchange(self->arrived, {});
          if (!far) return;
          self->end(Error{ErrorKind::unavailable, "a newer one has taken its place", {}});
          self->primary = now;
          self->link = *far;
          peer::join_stream_to_descriptor(agent.loop(), *far, waiting.release(), [](const Result<void>&) {});
        });
  }

  void end(const Error& why) {
    if (const auto connection = link.lock()) connection->abort(why);
    link.reset();
  }
};

void QueueRelay::keep_up(Agent& agent) {
  if (!state_) state_ = std::make_shared<State>();
  const auto primary = agent.state().standing.primary;
  if (state_->primary != primary)
    state_->end(Error{ErrorKind::unavailable, state_->primary + " is not the primary any more", {}});
  if (listener_) return;
  auto listening = peer::listen_loopback(agent.loop(), model::queue_relay_port,
                                         [weak = std::weak_ptr(state_), &agent](system::Descriptor copy) {
                                           if (const auto state = weak.lock()) state->take(agent, std::move(copy));
                                         });
  const auto problem = listening ? std::string() : listening.error().message;
  if (listening) listener_ = std::move(*listening);
  if (problem != problem_ && !problem.empty()) agent.log("the queue: " + problem);
  problem_ = problem;
}

Result<std::uint16_t> accept_queue(Agent& agent, const std::string& server) {
  const auto state = agent.state();
  if (state.standing.primary != state.server)
    return fail(ErrorKind::refused,
                fmt::format("{} is not the primary: {} finds no queue to copy here", state.server, server));
  return model::redis_queue_port;
}

} // namespace tandem::agent
