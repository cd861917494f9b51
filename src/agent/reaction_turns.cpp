#include "agent/reaction_turns.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

Result<void> OwnTurns::take(const converge::Reaction& reaction) {
  return turns_.take(converge::to_text(reaction), self_, turn_limit, whose_);
}

void OwnTurns::give_back(const converge::Reaction& reaction, bool done) {
  turns_.give_back(converge::to_text(reaction), self_, done || whose_ == TurnOf::repair);
}

Result<void> AskedTurns::take(const converge::Reaction& reaction) {
  const auto taken = context_.call_peer(
      keeper_, "turn.take", {{"reaction", converge::to_text(reaction)}, {"repair", whose_ == TurnOf::repair}}, {},
      {.time_limit = turn_limit});
  if (taken) return {};
  give_back(reaction, true); // it may have been granted at the last moment
  return std::unexpected(taken.error());
}

void AskedTurns::give_back(const converge::Reaction& reaction, bool done) {
  [[maybe_unused]] const auto answer = context_.call_peer(
      keeper_, "turn.give", {{"reaction", converge::to_text(reaction)}, {"done", done || whose_ == TurnOf::repair}});
}

} // namespace tandem::agent
