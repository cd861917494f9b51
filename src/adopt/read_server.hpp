// Reads what a server that was set up by hand is. Changes nothing on it, not even an index of git's.
#pragma once
#include "adopt/found.hpp"
#include "base/result.hpp"
#include "system/ports.hpp"

namespace tandem::adopt {

// Says each part before it is read. An error only where nothing can be made of the rest: what is not there is left out.
[[nodiscard]] Result<Found> read_server(const system::Ports& ports, const system::MachineFacts& machine,
                                        const system::LineSink& progress);

} // namespace tandem::adopt
