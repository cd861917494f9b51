// Durations, sizes and parts as tandem.toml writes them, both ways.
#pragma once
#include "model/pair.hpp"

#include <string_view>

namespace tandem::config {

// "10s", "90m", "1h", "2d", "1w"; at most ten years. nullopt: none.
[[nodiscard]] std::optional<model::Seconds> parse_duration(std::string_view text);
// "64kB", "256MB", "8GB", "1TB" in powers of 1024, as PostgreSQL counts; at most 1024 TB. nullopt: none.
[[nodiscard]] std::optional<model::Bytes> parse_size(std::string_view text);
// "10%", "0.5%", at most 100%: a part of one. nullopt: none.
[[nodiscard]] std::optional<double> parse_percent(std::string_view text);

// In the largest unit that fits without a rest.
[[nodiscard]] std::string show_duration(model::Seconds duration);
[[nodiscard]] std::string show_size(model::Bytes size);
[[nodiscard]] std::string show_percent(double part);

} // namespace tandem::config
