// CRC-32C (Castagnoli), the checksum of journal records. Pure.
#pragma once
#include <cstdint>
#include <string_view>

namespace tandem::journal {

// `before`: the checksum of the bytes that come before these; crc32c(b, crc32c(a)) is that of a and b together.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

} // namespace tandem::journal
