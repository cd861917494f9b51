// Turns at reloads and restarts, as converge asks for them: over this server's own table, or another server's.
#pragma once
#include "agent/operation.hpp"
#include "agent/turns.hpp"
#include "converge/apply.hpp"

namespace tandem::agent {

inline constexpr std::chrono::minutes turn_limit{5};

class OwnTurns final : public converge::ReactionTurns {
public:
  OwnTurns(Turns& turns, std::string self, TurnOf whose) : turns_(turns), self_(std::move(self)), whose_(whose) {}

  Result<void> take(const converge::Reaction& reaction) override;
  void give_back(const converge::Reaction& reaction, bool done) override;

private:
  Turns& turns_;
  std::string self_;
  TurnOf whose_;
};

class AskedTurns final : public converge::ReactionTurns {
public:
  AskedTurns(OperationContext& context, std::string keeper, TurnOf whose)
      : context_(context), keeper_(std::move(keeper)), whose_(whose) {}

  Result<void> take(const converge::Reaction& reaction) override;
  // A lost answer is no harm: the keeper forgets what a server holds when its apply has ended or it is gone.
  void give_back(const converge::Reaction& reaction, bool done) override;

private:
  OperationContext& context_;
  std::string keeper_;
  TurnOf whose_;
};

} // namespace tandem::agent
