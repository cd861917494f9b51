// Positions in the write-ahead log. Pure.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::replication {

using WalPosition = std::uint64_t; // bytes since the beginning

// "16/B374D848"; nullopt when it is none.
[[nodiscard]] std::optional<WalPosition> parse_wal(std::string_view text);
[[nodiscard]] std::string to_wal_text(WalPosition position);

// Where a record of that length (its "tot" in pg_waldump) ends: what a standby that has all of it reports as received.
// Records flow around the headers of pages and segments, and begin at multiples of eight.
[[nodiscard]] WalPosition end_of_record(WalPosition start, std::uint64_t length, std::uint64_t segment_size);

} // namespace tandem::replication
