#include "agent/queue_relay.hpp"

#include "model/ports.hpp"
#include "peer/stream.hpp"

#include <nlohmann/json.hpp>

#include <deque>

namespace tandem::agent {

namespace {

constexpr std::size_t most_links = 4;

} // namespace

// A copy needs two connections at the most: from Redis 8 on its first copy comes over one of its own
// (repl-rdb-channel). The latest count: Redis has given up those before.
struct QueueRelay::State : std::enable_shared_from_this<QueueRelay::State> {
  std::size_t opening = 0;
  std::string primary; // that the links lead to
  std::deque<std::weak_ptr<peer::Connection>> links;

  // A descriptor that goes away here closes the connection, and Redis tries again a second later.
  void take(Agent& agent, system::Descriptor copy) {
    const auto now = agent.state().standing.primary;
    if (now.empty() || now == agent.state().server || agent.network() == nullptr || opening >= most_links) return;
    ++opening;
    const auto held = std::make_shared<system::Descriptor>(std::move(copy));
    agent.network()->open_stream(now, "queue", Json::object(),
                                 [weak = weak_from_this(), &agent, held, now](Result<peer::ConnectionPtr> far) {
                                   const auto self = weak.lock();
                                   if (!self) return;
                                   --self->opening;
                                   if (far) self->add(agent, *far, held->release(), now);
                                 });
  }

  void add(Agent& agent, const peer::ConnectionPtr& far, int copy, const std::string& leads_to) {
    if (leads_to != primary) end(0, Error{ErrorKind::unavailable, primary + " is not the primary any more", {}});
    primary = leads_to;
    std::erase_if(links, [](const auto& link) { return link.expired(); });
    end(most_links - 1, Error{ErrorKind::unavailable, "newer ones have taken its place", {}});
    links.push_back(far);
    peer::join_stream_to_descriptor(agent.loop(), far, copy, [](const Result<void>&) {});
  }

  // The oldest, until so many are left.
  void end(std::size_t left, const Error& why) {
    while (links.size() > left) {
      const auto connection = links.front().lock();
      links.pop_front();
      if (connection) connection->abort(why);
    }
  }
};

void QueueRelay::keep_up(Agent& agent) {
  if (!state_) state_ = std::make_shared<State>();
  const auto primary = agent.state().standing.primary;
  if (state_->primary != primary)
    state_->end(0, Error{ErrorKind::unavailable, state_->primary + " is not the primary any more", {}});
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
