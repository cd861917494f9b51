// The sites' part of `tandem status`: which release each server has, and whether it runs. Reads only, and asks nobody
// who may be busy.
#pragma once
#include "agent/operation.hpp"
#include "sites/layout.hpp"

namespace tandem::agent {

// "sites" and "nginx" of this server, and their problems: {"sites": [{"domain", "release" or null, "runs"?, "rests"?,
// "by_hand"?}], "nginx"}. Whether something runs is read from the kernel's list of sockets and from nginx's pid file.
// `rest`: they do not run here, and that is no problem.
void describe_sites(system::Files& files, const model::Pair& pair, const sites::Layout& layout, bool rest,
                    Json& status);

// The same for the agent's own pair, and "configuration": the hash of tandem.toml as it lies there.
void add_sites_status(const OperationContext& context, Json& status);

// What the servers' statuses say only together: in what the others differ from the primary.
void compare_servers(const Json& servers, const std::string& primary, Json& problems);

// Problems of the file systems that tandem's, the database's and the sites' files lie on.
void add_disk_status(const OperationContext& context, Json& status);
// Whose clock ("clock_ahead_ms", by the one who asks) is far from that of the one who asks.
void compare_clocks(const Json& servers, Json& problems);

} // namespace tandem::agent
