// The folders in /www of a server that was set up by hand, as git and ssh know them. Changes nothing.
#pragma once
#include "adopt/found.hpp"
#include "system/ports.hpp"

namespace tandem::adopt {

// Adds them to `found`, whose accounts have been read.
void read_copies(const system::Ports& ports, Found& found);

} // namespace tandem::adopt
