// Plan and apply on this one server: gathers what setup needs, and runs converge over it. Blocks; on a worker thread.
#pragma once
#include "converge/apply.hpp"
#include "model/pair.hpp"
#include "peer/authority.hpp"
#include "system/ports.hpp"

#include <map>
#include <string>

namespace tandem::agent {

// What the coordinator of a plan decided for all servers, and who this one is.
struct SetupInput {
  model::Pair pair;
  std::string self;
  std::string primary;
  std::map<std::string, std::uint32_t> uids;
  std::map<std::string, std::string> secrets; // absolute path -> content
};

class ServerSetup {
public:
  ServerSetup(system::Ports& ports, const peer::Authority& authority) : ports_(ports), authority_(authority) {}

  Result<converge::Plan> plan(const SetupInput& input);
  Result<converge::Applied> apply(const SetupInput& input, converge::ReactionTurns& turns,
                                  converge::Observer& observer);

private:
  Result<std::vector<converge::Resource>> resources(const SetupInput& input);

  system::Ports& ports_;
  const peer::Authority& authority_;
};

// Reads every file that the configuration names. An error names the first that cannot be read.
Result<std::map<std::string, std::string>> read_secrets(system::Files& files,
                                                        const std::vector<model::SecretFile>& secrets);

// "done 12, failed at file X: …, not started: …" as lines for the operator.
std::string to_text(const converge::Applied& applied, const std::string& server);

} // namespace tandem::agent
