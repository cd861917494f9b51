// Values to tandem.toml, the other way round than config. Pure.
#pragma once
#include "model/pair.hpp"

#include <string>

namespace tandem::adopt {

// Writes what differs from the defaults. What config loads of it is the same pair, as long as every value is one that
// config takes; files that it names stay as they are written.
[[nodiscard]] std::string to_toml(const model::Pair& pair);

} // namespace tandem::adopt
