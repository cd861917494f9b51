#include "config/units.hpp"

#include "base/text.hpp"
#include "config/syntax.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace tandem::config {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t worth;
};

// Largest first, so that showing finds the largest that fits.
constexpr std::array durations = {Unit{"w", 604800}, Unit{"d", 86400}, Unit{"h", 3600}, Unit{"m", 60}, Unit{"s", 1}};
constexpr std::array sizes = {Unit{"TB", std::int64_t{1} << 40},
                              Unit{"GB", 1 << 30},
                              Unit{"MB", 1 << 20},
                              Unit{"kB", 1 << 10},
                              Unit{"KB", 1 << 10},
                              Unit{"B", 1}};
constexpr std::int64_t longest = std::int64_t{10} * 366 * 86400;
constexpr std::int64_t largest = std::int64_t{1} << 50;

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units, std::int64_t most) {
  const auto digits = std::ranges::find_if_not(text, is_digit) - text.begin();
  const auto number = to_number(text.substr(0, digits));
  const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
  if (!number || unit == units.end() || *number > most / unit->worth) return std::nullopt;
  return *number * unit->worth;
}

std::string show(std::int64_t value, std::span<const Unit> units) {
  for (const auto& [name, worth] : units)
    if (value >= worth && value % worth == 0) return fmt::format("{}{}", value / worth, name);
  return fmt::format("{}{}", value, units.back().name);
}

} // namespace

std::optional<model::Seconds> parse_duration(std::string_view text) {
  const auto seconds = parse(text, durations, longest);
  if (!seconds) return std::nullopt;
  return model::Seconds{*seconds};
}

std::optional<model::Bytes> parse_size(std::string_view text) {
  const auto bytes = parse(text, sizes, largest);
  if (!bytes) return std::nullopt;
  return static_cast<model::Bytes>(*bytes);
}

std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  if (text.empty() || text.size() > 8 || !is_digit(text.front()) || !is_digit(text.back())) return std::nullopt;
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || percent > 100) return std::nullopt;
  return percent / 100;
}

std::string show_duration(model::Seconds duration) {
  return show(duration.count(), durations);
}

std::string show_size(model::Bytes size) {
  return show(static_cast<std::int64_t>(size), sizes);
}

std::string show_percent(double part) {
  return fmt::format("{}%", std::round(part * 1e6) / 1e4);
}

} // namespace tandem::config
