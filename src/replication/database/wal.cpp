#include "replication/database/wal.hpp"

#include <charconv>

namespace tandem::replication {

namespace {

constexpr std::uint64_t page_size = 8192; // Debian builds with PostgreSQL's default
constexpr std::uint64_t page_header = 24;
constexpr std::uint64_t segment_header = 40;

std::optional<std::uint64_t> parse_hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || text.size() > 8 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

} // namespace

std::optional<WalPosition> parse_wal(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = parse_hexadecimal(text.substr(0, slash));
  const auto low = parse_hexadecimal(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return (*high << 32U) | *low;
}

std::string to_wal_text(WalPosition position) {
  return fmt::format("{:X}/{:X}", position >> 32U, position & 0xFFFFFFFFU);
}

WalPosition end_of_record(WalPosition start, std::uint64_t length, std::uint64_t segment_size) {
  WalPosition at = start;
  for (auto left = length; left > 0;) {
    if (at % page_size == 0) at += at % segment_size == 0 ? segment_header : page_header;
    const auto piece = std::min(left, page_size - at % page_size);
    at += piece;
    left -= piece;
  }
  return (at + 7) / 8 * 8;
}

} // namespace tandem::replication
