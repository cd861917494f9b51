// Puts the watch over drift into an agent: twice a minute, at a quiet moment, the server is compared with what the
// latest apply made of it. What differs stands in status, and is repaired when [host] repair says so.
#pragma once
#include "agent/operation.hpp"

namespace tandem::agent {

struct Settings;

// Call before the agent is made.
void bind_drift(Settings& settings);

} // namespace tandem::agent
