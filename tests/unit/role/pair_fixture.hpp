// Roles of a pair for the protocol's tests: servers that have met, with "uno" serving at epoch 1.
#pragma once
#include "role/rules.hpp"

namespace tandem::role::testing {

inline Members members_of(const std::string& self, std::vector<std::string> all = {"uno", "duo"}) {
  std::erase(all, self);
  return {self, all};
}

inline Role met_role(const Members& members) {
  Role role;
  role.kept = first_kept(1, "uno", {1, "uno", "tandem init", "", ""});
  role.kept.incarnation = 1;
  role.session.serving = members.self == "uno";
  role.session.settled = true;
  for (const auto& other : members.others) {
    role.session.peers[other] = 1;
    role.session.answered.insert(other);
  }
  return role;
}

inline Event event(EventKind kind) {
  Event event;
  event.kind = kind;
  return event;
}

inline Event grant_to(const std::string& server) {
  auto decided = event(EventKind::grant_decided);
  decided.server = server;
  return decided;
}

inline Event failover(std::set<std::string> off) {
  auto event = testing::event(EventKind::failover);
  event.off = std::move(off);
  return event;
}

// The only message of that kind; fails loudly when there is none.
inline Message only(const Outcome& outcome, MessageKind kind) {
  const auto found = std::ranges::find(outcome.messages, kind, &Message::kind);
  if (found == outcome.messages.end()) return Message{.from = "no such message"};
  return *found;
}

} // namespace tandem::role::testing
