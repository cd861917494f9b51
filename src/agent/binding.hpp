// How a keeper hangs in the agent: what all of them need, and nothing of their own.
#pragma once
#include "agent/agent.hpp"

namespace tandem::agent {

// keeper->start(agent), once this server is a member and at each start of its agent.
template <class Keeper>
void start_with_member(Settings& settings, const std::shared_ptr<Keeper>& keeper) {
  settings.on_member = [before = settings.on_member, keeper](Agent& agent) {
    if (before) before(agent);
    keeper->start(agent);
  };
}

// keeper->add_status(context, status), as a part of this server's status.
template <class Keeper>
void tell_in_status(Settings& settings, const std::shared_ptr<Keeper>& keeper) {
  settings.status_parts.emplace_back(
      [keeper](const OperationContext& context, Json& status) { keeper->add_status(context, status); });
}

} // namespace tandem::agent
