// Plan and apply on this one server: gathers what setup needs, and runs converge over it. Blocks; on a worker thread.
#pragma once
#include "agent/operation.hpp"
#include "converge/apply.hpp"
#include "model/by_hand.hpp"
#include "system/applications.hpp"

#include <map>
#include <string>

namespace tandem::agent {

// What the coordinator of a plan decided for all servers, and who this one is.
struct SetupInput {
  model::Pair pair;
  std::string self;
  std::string primary;
  std::map<std::string, std::uint32_t> uids;
  std::map<std::string, std::uint32_t> gids;
  std::map<std::string, std::string> secrets; // absolute path -> content
  // sshd's, which all servers are to show; by path. None: each keeps its own.
  std::map<std::string, std::string> host_keys = {};
  model::ByHand by_hand = {}; // of sites of the pair alone
  bool kept = false;          // it was set up by hand, and has no way back there
};

// From the parameters of "server.plan" and "server.apply".
Result<SetupInput> input_of(Agent& agent, const Json& orders);

// refused where a site still has a folder of its own in /www instead of a link to its release, and nobody knows what
// serves it there. For a primary.
Result<void> check_sites_by_hand(system::Files& files, const model::Pair& pair, const model::ByHand& by_hand);

// {"text", "changes": n, "edited": n, "ids": [id], "different": [id], "held_back": [setting]}: the plan for a person,
// how much it is, and what it is about in the order in which it would be made; the latter without what services are
// told; what a standby's PostgreSQL cannot lower before its primary has. Changes nothing.
Result<Json> plan_here(Agent& agent, const SetupInput& input);
// Makes it true, reporting each step as {"line"}; stands still where the file "halt" says so, and ends before the next
// change when the server's role has changed or the operation is to end. {"text", "done": [id], "held_back": [setting],
// "failed"?: id}; a
// resource that failed is an answer, not an error, so that what was done is told. When all of it is done the orders are
// kept (KeptOrders), and none are kept until then. Visitors wait while PostgreSQL restarts. Sites that were set up by
// hand go on behind the gate.
Result<Json> apply_here(OperationContext& context, const Json& orders, converge::ReactionTurns& turns,
                        system::Applications& applications);
// The same with the orders that are kept, which stay, however it ends. Waits for nobody: neither for PostgreSQL, where
// the role is at work on it, nor for a person's apt-get.
Result<Json> repair_here(OperationContext& context, const Json& orders, converge::ReactionTurns& turns,
                         system::Applications& applications);

} // namespace tandem::agent
