// A server leaves the pair.
#pragma once
#include "agent/operations/switchover.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

// {"server", "gone"?}: on the primary, once tandem.toml does without that server: it leaves, and the others forget it.
// `gone`: it will never come back, and need not be asked. Idempotent; killed in between, it is done again.
// -> {"server", "told": whether it left by itself}
Operation remove_operation(KeeperOf keeper);
// Between agents: {"server"}: it is none of the pair any more.
Operation member_forget_operation(KeeperOf keeper);
// Between agents: {}: this server leaves. Its sites and PostgreSQL are stopped, their data stays; nginx goes on passing
// visitors to the pair. The agent starts again as one that belongs to no pair, once the one that asked has gone.
Operation member_leave_operation(KeeperOf keeper, system::Applications& applications);

// Why that server cannot be taken out now. Pure.
struct Removal {
  std::string server;  // to be taken out
  std::string self;    // where the command was typed
  std::string primary; // of the pair; empty: not known
  std::vector<std::string> members;
  std::vector<std::string> configured; // the servers of tandem.toml
  bool serving = false;                // this server serves; one that only was the primary once may be overtaken
  bool reachable = false;              // the server answers
  bool gone = false;                   // the operator's word that it will not come back
};

Result<void> check_removal(const Removal& removal);

} // namespace tandem::agent
