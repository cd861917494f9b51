// CRC-32C (Castagnoli), the checksum of journal records. Pure.
#pragma once
#include <cstdint>
#include <string_view>

namespace tandem::journal {

[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

} // namespace tandem::journal
