// The agent's own operations; one file each in this folder.
#pragma once
#include "agent/operation.hpp"
#include "agent/operations/releases.hpp"

namespace tandem::agent {

// {"server"?: name}: this server becomes the first of a pair. -> {"server", "pair", "already", "token"?, …}
Operation init_operation();
// {}: a new join token, the only one that counts from now on. -> {"token", "address", "expires", "servers"}
Operation token_operation();
// {"address", "token", "server"?}: this server joins a pair. -> {"server", "pair", "already"}
Operation join_operation();
// Between agents: the other half of join, asked for by a server without a certificate.
Operation join_accept_operation();
// {}: what this server and its peers know. -> {"pair", "self", "servers": [{…}], "problems": [text]}
Operation status_operation();
// The same for an agent's own use; worker thread.
Json pair_status(const OperationContext& context);
// Between agents: what one server knows of itself. -> {…}
Operation server_status_operation();
// Between agents: takes over tandem.toml and its secrets. -> {"changed"}
Operation configuration_put_operation();

// All that the agent can be asked to do, but for what bind_role() and bind_replication() add.
std::vector<Operation> standard_operations(std::shared_ptr<ReleaseWork> releases);

// Hands this server's tandem.toml and secrets to these others and adopts it here; the first step of apply.
// An error names each server that could not take it over.
Result<void> spread_configuration(const OperationContext& context, const std::vector<std::string>& servers);

} // namespace tandem::agent
