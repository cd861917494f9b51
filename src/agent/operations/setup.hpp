// plan and apply over all servers of the pair, and their halves on one server.
#pragma once
#include "agent/operations/releases.hpp"

namespace tandem::agent {

// {}: what `tandem apply` would do. -> {"servers": [{"name", "text", "changes", "edited", "ids"}], "changes",
// "absent": [name]}
Operation plan_operation();
// {}: does it, on all servers at once. -> {"servers": [{"name", "text", "done", "failed"}], "absent": [name]}
Operation apply_operation(std::shared_ptr<ReleaseWork> releases);
// Between agents: names and numbers of this server's users and groups, for such as fit everywhere. -> {"users": [[name,
// uid]], "groups": [[name, gid]]}
Operation server_accounts_operation();
// Between agents: the keys that all servers' sshd is to show. -> {path: content}
Operation server_host_keys_operation();
// Between agents: {"configuration", "uids", "primary"} -> {"text", "changes", "edited", "ids"}; changes nothing.
Operation server_plan_operation();
// The same, and does it. -> {"text", "done": [id], "failed"?: id}
Operation server_apply_operation(std::shared_ptr<ReleaseWork> releases);
// Begun by the agent itself: what the latest apply made here is made once more. -> as server.apply
Operation repair_operation(std::shared_ptr<ReleaseWork> releases);
// Between agents: {"reaction"}: waits until no other server reloads or restarts that service.
Operation turn_take_operation();
Operation turn_give_operation();

} // namespace tandem::agent
