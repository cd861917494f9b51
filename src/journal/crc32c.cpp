#include "journal/crc32c.hpp"

#include <array>

namespace tandem::journal {

namespace {

constexpr std::size_t block = 8; // bytes at once

using Table = std::array<std::uint32_t, 256>;

// tables[n][byte]: what the byte does to the checksum when n bytes come after it ("slicing-by-8").
constexpr std::array<Table, block> make_tables() {
  std::array<Table, block> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? (value >> 1U) ^ 0x82F63B78U : value >> 1U;
    tables[0][byte] = value;
  }
  for (std::size_t n = 1; n < block; ++n)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[n][byte] = tables[0][tables[n - 1][byte] & 0xFFU] ^ (tables[n - 1][byte] >> 8U);
  return tables;
}

constexpr auto tables = make_tables();

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

} // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  std::uint32_t value = ~before;
  for (; bytes.size() >= block; bytes.remove_prefix(block)) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      next ^= tables[7 - i][byte_at(bytes, i) ^ ((value >> (8 * i)) & 0xFFU)];
      next ^= tables[3 - i][byte_at(bytes, 4 + i)];
    }
    value = next;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i)
    value = tables[0][(value ^ byte_at(bytes, i)) & 0xFFU] ^ (value >> 8U);
  return ~value;
}

} // namespace tandem::journal
