// UTF-8 and what may be printed.
#include "config/syntax.hpp"

#include <array>

namespace tandem::config {

namespace {

struct Decoded {
  char32_t point = 0;
  std::size_t length = 0; // 0: not UTF-8
};

Decoded decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80U) return {lead, 1};
  const std::size_t length = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : 2;
  if (lead < 0xC2U || lead > 0xF4U || text.size() < length) return {};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0U) != 0x80U) return {};
    point = (point << 6U) | (byte & 0x3FU);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < smallest[length] || point > 0x10FFFF || surrogate) return {};
  return {point, length};
}

bool may_print(char32_t point) {
  if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return false;                     // C0, DEL, C1
  if (point == 0x2028 || point == 0x2029) return false;                                  // line, paragraph
  if (point == 0xFEFF || point == 0x200E || point == 0x200F) return false;               // byte order, direction
  return !(point >= 0x202A && point <= 0x202E) && !(point >= 0x2066 && point <= 0x2069); // direction
}

} // namespace

std::size_t valid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto [point, length] = decode(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

bool is_printable(std::string_view utf8) {
  while (!utf8.empty()) {
    const auto [point, length] = decode(utf8);
    if (length == 0 || !may_print(point)) return false;
    utf8.remove_prefix(length);
  }
  return true;
}

std::string escaped(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const auto [point, length] = decode(text);
    if (length == 0)
      safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    else if (may_print(point))
      safe += text.substr(0, length);
    else
      safe += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return safe;
}

} // namespace tandem::config
