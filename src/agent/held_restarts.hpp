// Turns at reloads and restarts as another table gives them, with one thing more: while a primary's PostgreSQL
// restarts, visitors wait at the gate, and the sites' applications are started anew before they come through again,
// since most keep connections.
#pragma once
#include "agent/operation.hpp"
#include "agent/visitor_hold.hpp"
#include "converge/apply.hpp"

namespace tandem::agent {

class HeldRestarts final : public converge::ReactionTurns {
public:
  // All of it must outlive the turns. Whoever takes them holds Agent::database_work().
  HeldRestarts(converge::ReactionTurns& turns, OperationContext& context, system::Applications& applications,
               const model::Pair& pair)
      : turns_(turns), context_(context), applications_(applications), pair_(pair) {}

  Result<void> take(const converge::Reaction& reaction) override;
  void give_back(const converge::Reaction& reaction, bool done) override;

private:
  Result<void> hold(const std::string& unit);
  void let_go();
  void say(const std::string& line);

  converge::ReactionTurns& turns_;
  OperationContext& context_;
  system::Applications& applications_;
  const model::Pair& pair_;
  std::optional<VisitorHold> visitors_; // while they wait
};

} // namespace tandem::agent
