#include "bench/load/mix.hpp"

#include "base/text.hpp"

#include <array>
#include <cmath>

namespace tandem::load {

namespace {

constexpr std::array kinds{Kind::home,      Kind::product, Kind::static_file, Kind::media,
                           Kind::slow_page, Kind::order,   Kind::photo,       Kind::slow_photo};

// splitmix64: well mixed for consecutive inputs.
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

// Draws decisions from one random value, each independent of the others.
class Draw {
public:
  explicit Draw(std::uint64_t state) : state_(state) {}

  std::uint64_t next() { return state_ = mixed(state_); }

  bool chance(double share) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < share; }

private:
  std::uint64_t state_;
};

// How many of the first n requests are writes. The small amount keeps 5 × 0.2 from being 0.9999….
std::uint64_t writes_before(const Mix& mix, std::uint64_t n) {
  return static_cast<std::uint64_t>(std::floor(static_cast<double>(n) * mix.writes + 1e-9));
}

// "One every so often" as one of so many of the requests of its sort; 0 for never.
std::uint64_t period(double per_second, std::chrono::milliseconds every) {
  if (every.count() <= 0 || per_second <= 0) return 0;
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::llround(per_second * static_cast<double>(every.count()) / 1000)));
}

Kind write_kind(const Mix& mix, std::uint64_t number, Draw& draw) {
  std::uint64_t slow = period(mix.rate * mix.writes, mix.slow_photo_every);
  if (slow != 0 && number % slow == 0) return Kind::slow_photo;
  return draw.chance(mix.photos) ? Kind::photo : Kind::order;
}

Kind read_kind(const Mix& mix, std::uint64_t number, Draw& draw) {
  std::uint64_t slow = period(mix.rate * (1 - mix.writes), mix.slow_page_every);
  if (slow != 0 && number % slow == 0) return Kind::slow_page;
  if (draw.chance(mix.pages)) return draw.chance(0.3) ? Kind::home : Kind::product;
  return mix.media && draw.chance(0.5) ? Kind::media : Kind::static_file;
}

} // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
  case Kind::home:
    return "home";
  case Kind::product:
    return "product";
  case Kind::static_file:
    return "static";
  case Kind::media:
    return "media";
  case Kind::slow_page:
    return "slow page";
  case Kind::order:
    return "order";
  case Kind::photo:
    return "photo";
  case Kind::slow_photo:
    return "slow photo";
  }
  return "";
}

std::span<const Kind> all_kinds() {
  return kinds;
}

bool is_write(Kind kind) {
  return kind == Kind::order || kind == Kind::photo || kind == Kind::slow_photo;
}

bool is_slow(Kind kind) {
  return kind == Kind::slow_page || kind == Kind::slow_photo;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto number = to_number(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  std::int64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  if (!number || factor == 0 || digits > 9) return std::nullopt;
  return std::chrono::milliseconds(*number * factor);
}

std::chrono::nanoseconds due(const Mix& mix, std::uint64_t index) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(index) * 1e9 / mix.rate));
}

Planned planned(const Mix& mix, std::uint64_t index) {
  Draw draw(mixed(mix.seed) ^ mixed(index));
  std::uint64_t before = writes_before(mix, index);
  bool write = writes_before(mix, index + 1) > before;
  Planned result;
  result.kind = write ? write_kind(mix, before, draw) : read_kind(mix, index - before, draw);
  result.protocol = draw.chance(mix.http2) ? Protocol::http2 : Protocol::http1;
  result.fresh = draw.chance(mix.fresh);
  result.random = draw.next();
  return result;
}

} // namespace tandem::load
