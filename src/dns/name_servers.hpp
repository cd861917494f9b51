// The engine behind [dns]: dig asks, nsupdate changes (RFC 2136, with a TSIG key), or the operator's own program does.
#pragma once
#include "dns/records.hpp"
#include "system/clock.hpp"
#include "system/processes.hpp"

#include <functional>

namespace tandem::dns {

struct Tools {
  system::Processes& processes;
  system::Clock& clock;
  // Waits that long; false when the work is to end instead.
  std::function<bool(std::chrono::milliseconds)> pause;
};

// What the server of [dns] says, or the machine's own resolver where it names none. unavailable: it does not answer.
Result<Records> look_up(const Tools& tools, const model::Dns& settings, const std::string& name);
// Changes it there. refused: its records are no longer what they were, or it may not be changed; unavailable: no
// answer.
Result<void> carry_out(const Tools& tools, const model::Dns& settings, const Change& change);
// Waits until every authoritative server of the zone says so. The error names those that do not in that time.
Result<void> verify(const Tools& tools, const model::Dns& settings, const Change& change,
                    std::chrono::milliseconds limit);

} // namespace tandem::dns
