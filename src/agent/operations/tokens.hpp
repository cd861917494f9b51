// What init, init --token and the accepting side of join share.
#pragma once
#include "agent/joining.hpp"
#include "agent/membership.hpp"
#include "agent/operation.hpp"

namespace tandem::agent {

// Makes the only token that counts from now on. -> {"token", "address", "expires", "others": [name]}
Result<Json> open_token(const OperationContext& context, const Membership& membership, const model::Pair& pair);

// All that a server is reached at, for its certificate.
std::vector<std::string> addresses_of(const model::Server& server);

} // namespace tandem::agent
