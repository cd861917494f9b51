#include "replication/database/way_back.hpp"

#include "base/text.hpp"

#include <charconv>

namespace tandem::replication {

namespace {

// "TTTTTTTTXXXXXXXXYYYYYYYY": timeline, and the segment's number in two parts (src/include/access/xlog_internal.h,
// XLogFileName).
std::optional<WalPosition> beginning_of(std::string_view name, std::uint64_t segment_size) {
  constexpr std::size_t part = 8;
  if (name.size() != 3 * part) return std::nullopt;
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  const auto read = [&](std::size_t from, std::uint32_t& number) {
    const auto text = name.substr(from, part);
    const auto [end, error] = std::from_chars(text.data(), text.data() + part, number, 16);
    return error == std::errc() && end == text.data() + part;
  };
  std::uint32_t timeline = 0;
  if (!read(0, timeline) || !read(part, high) || !read(2 * part, low)) return std::nullopt;
  return (WalPosition{high} << 32U) + low * segment_size;
}

} // namespace

WayBack way_back(const OwnWal& own, std::uint32_t upstream_timeline, const UpstreamPast& past) {
  if (own.timeline != upstream_timeline) {
    const auto fork = end_of_timeline(past.history, own.timeline);
    if (!fork) return WayBack::copy;
    if (own.position > *fork) return WayBack::rewind;
  }
  // A standby asks from the beginning of the segment that it is in.
  const auto asked = own.segment_size == 0 ? own.position : own.position - own.position % own.segment_size;
  return asked < past.oldest ? WayBack::copy : WayBack::wait;
}

std::optional<WalPosition> end_of_timeline(std::string_view history, std::uint32_t timeline) {
  for (const auto& line : lines_of(history)) {
    const auto words = split(line, '\t');
    if (words.size() < 2) continue;
    const auto number = to_number(trim(words[0]));
    if (number && *number == static_cast<std::int64_t>(timeline)) return parse_wal(trim(words[1]));
  }
  return std::nullopt;
}

WalPosition oldest_segment(const std::vector<std::string>& names, std::uint64_t segment_size) {
  std::optional<WalPosition> oldest;
  for (const auto& name : names)
    if (const auto begins = beginning_of(name, segment_size); begins && (!oldest || *begins < *oldest)) oldest = begins;
  return oldest.value_or(0);
}

} // namespace tandem::replication
