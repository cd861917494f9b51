#include "replication/database/way_back.hpp"

#include "base/text.hpp"

#include <charconv>

namespace tandem::replication {

namespace {

struct Segment {
  std::uint32_t timeline = 0;
  WalPosition begins = 0;
};

// "TTTTTTTTXXXXXXXXYYYYYYYY": timeline, and the segment's number in two parts (src/include/access/xlog_internal.h,
// XLogFileName).
std::optional<Segment> segment_of(std::string_view name, std::uint64_t segment_size) {
  constexpr std::size_t part = 8;
  if (name.size() != 3 * part) return std::nullopt;
  std::array<std::uint32_t, 3> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto text = name.substr(i * part, part);
    const auto [end, error] = std::from_chars(text.data(), text.data() + part, numbers[i], 16);
    if (error != std::errc() || end != text.data() + part) return std::nullopt;
  }
  return Segment{numbers[0], (WalPosition{numbers[1]} << 32U) + numbers[2] * segment_size};
}

} // namespace

bool namesakes(const OwnWal& own, std::uint32_t upstream_timeline, const UpstreamPast& past) {
  return own.timeline == upstream_timeline && past.history && !own.history.empty() && own.history != *past.history;
}

WayBack way_back(const OwnWal& own, std::uint32_t upstream_timeline, const UpstreamPast& past) {
  if (own.timeline != upstream_timeline) {
    if (!past.history) return WayBack::wait;
    const auto fork = end_of_timeline(*past.history, own.timeline);
    if (!fork) return WayBack::copy;
    if (own.position > *fork) return WayBack::rewind;
  } else if (namesakes(own, upstream_timeline, past)) {
    return WayBack::copy; // pg_rewind takes the two for one
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

std::uint32_t timeline_at(const std::vector<std::string>& names, WalPosition position, std::uint64_t segment_size) {
  std::uint32_t latest = 0;
  if (segment_size == 0 || position == 0) return latest;
  for (const auto& name : names)
    if (const auto segment = segment_of(name, segment_size);
        segment && segment->begins < position && position <= segment->begins + segment_size)
      latest = std::max(latest, segment->timeline);
  return latest;
}

WalPosition oldest_segment(const std::vector<std::string>& names, std::uint64_t segment_size) {
  std::optional<WalPosition> oldest;
  for (const auto& name : names)
    if (const auto segment = segment_of(name, segment_size); segment && (!oldest || segment->begins < *oldest))
      oldest = segment->begins;
  return oldest.value_or(0);
}

} // namespace tandem::replication
