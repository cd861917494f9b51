#include "bench/load/figures.hpp"

#include <cmath>

namespace tandem::load {

namespace {

double in_milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::size_t slot(Kind kind, Protocol protocol) {
  return static_cast<std::size_t>(kind) * 2 + static_cast<std::size_t>(protocol);
}

void append(std::vector<float>& all, const std::vector<float>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

} // namespace

Quantiles quantiles_of(std::vector<float> samples) {
  Quantiles result;
  result.n = samples.size();
  if (samples.empty()) return result;
  std::ranges::sort(samples);
  auto at = [&](std::uint64_t per_hundred) {
    std::uint64_t rank = (samples.size() * per_hundred + 99) / 100;
    return static_cast<double>(samples[std::max<std::uint64_t>(rank, 1) - 1]);
  };
  result.p50 = at(50);
  result.p90 = at(90);
  result.p99 = at(99);
  result.max = static_cast<double>(samples.back());
  return result;
}

void Pauses::mark(Moment moment) {
  if (!std::exchange(any_, true))
    longest_ = {moment, moment};
  else if (moment - last_ > longest_.to - longest_.from)
    longest_ = {last_, moment};
  last_ = std::max(last_, moment);
}

void Pauses::end(Moment moment) {
  any_ = true;
  if (moment > last_) mark(moment);
}

void Figures::begin(Moment moment) {
  write_pauses.begin(moment);
  answer_pauses.begin(moment);
}

void Figures::started(const Measured& request, Moment now) {
  ++requests;
  ++second_.started;
  writes += is_write(request.kind);
  on_fresh += request.fresh;
  on_http2 += request.protocol == Protocol::http2;
  start_delay_ms = std::max(start_delay_ms, in_milliseconds(now - request.scheduled));
}

void Figures::answered(const Measured& request, Moment now) {
  ++ok;
  ++second_.answered;
  samples_[slot(request.kind, request.protocol)].push_back(
      static_cast<float>(in_milliseconds(now - request.scheduled)));
  waited(request, now);
  const bool write = is_write(request.kind);
  acknowledged += write;
  // After the stop only what was under way comes in; a slow request's late end is no pause of the server.
  if (stopped_ && is_slow(request.kind)) return;
  answer_pauses.mark(now);
  if (write) write_pauses.mark(now);
}

void Figures::failed(const Measured& request, const Failure& failure, Moment now) {
  ++failures;
  ++second_.failed;
  failed_writes += is_write(request.kind);
  waited(request, now);
  std::string kind(name_of(request.kind));
  std::string protocol(name_of(request.protocol));
  Cause& cause = causes_[kind + "\n" + protocol + "\n" + failure.reason];
  if (cause.count++ == 0) cause = {kind, protocol, failure.reason, 1, now, now};
  cause.last = now;
  if (first_failed.size() < 100) first_failed.emplace_back(request, failure, now);
}

void Figures::waited(const Measured& request, Moment now) {
  if (is_slow(request.kind)) return;
  double wait = in_milliseconds(now - request.scheduled);
  longest_wait_ms = std::max(longest_wait_ms, wait);
  if (wait <= second_.worst_ms) return;
  second_.worst_ms = wait;
  second_.worst_kind = name_of(request.kind);
}

void Figures::stopped(Moment moment) {
  stopped_ = true;
  stop_ = moment;
}

void Figures::end() {
  write_pauses.end(stop_);
  answer_pauses.end(stop_);
}

std::vector<Figures::Latency> Figures::latencies() const {
  std::vector<Latency> result;
  std::array<std::vector<float>, 3> usual; // by protocol, and both; slow kinds would hide all others
  for (Kind kind : all_kinds()) {
    const auto& one = samples_[slot(kind, Protocol::http1)];
    const auto& two = samples_[slot(kind, Protocol::http2)];
    std::vector<float> both = one;
    append(both, two);
    if (both.empty()) continue;
    if (!is_slow(kind)) {
      append(usual[0], one);
      append(usual[1], two);
      append(usual[2], both);
    }
    std::string name(name_of(kind));
    result.emplace_back(name, "all", quantiles_of(std::move(both)));
    result.emplace_back(name, std::string(name_of(Protocol::http1)), quantiles_of(one));
    result.emplace_back(name, std::string(name_of(Protocol::http2)), quantiles_of(two));
  }
  result.emplace_back("all but slow", "all", quantiles_of(std::move(usual[2])));
  result.emplace_back("all but slow", std::string(name_of(Protocol::http1)), quantiles_of(std::move(usual[0])));
  result.emplace_back("all but slow", std::string(name_of(Protocol::http2)), quantiles_of(std::move(usual[1])));
  return result;
}

std::vector<Figures::Cause> Figures::causes() const {
  std::vector<Cause> result;
  for (const auto& [key, cause] : causes_)
    result.push_back(cause);
  return result;
}

} // namespace tandem::load
