#include "bench/load/summary.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <ctime>

namespace tandem::load {

namespace {

using Json = nlohmann::ordered_json;

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

Json json_of(const Summary& summary, const Pauses::Pause& pause) {
  return {{"ms", rounded(pause.milliseconds())},
          {"from", summary.wall.text(pause.from)},
          {"to", summary.wall.text(pause.to)},
          {"from_s", rounded(seconds(pause.from - summary.begun))}};
}

Json causes_json(const Summary& summary) {
  Json list = Json::array();
  for (const auto& cause : summary.figures.causes()) {
    list.push_back({{"kind", cause.kind},
                    {"protocol", cause.protocol},
                    {"reason", cause.reason},
                    {"count", cause.count},
                    {"first", summary.wall.text(cause.first)},
                    {"last", summary.wall.text(cause.last)}});
  }
  return list;
}

Json latencies_json(const Summary& summary) {
  Json list = Json::array();
  for (const auto& [kind, protocol, q] : summary.figures.latencies()) {
    list.push_back({{"kind", kind},
                    {"protocol", protocol},
                    {"n", q.n},
                    {"p50", rounded(q.p50)},
                    {"p90", rounded(q.p90)},
                    {"p99", rounded(q.p99)},
                    {"max", rounded(q.max)}});
  }
  return list;
}

Json failed_json(const Summary& summary) {
  Json list = Json::array();
  for (const FailedRequest& failed : summary.figures.first_failed) {
    const Measured& request = failed.request;
    Json entry{{"time", summary.wall.text(failed.at)},
               {"kind", name_of(request.kind)},
               {"protocol", name_of(request.protocol)},
               {"connection", request.fresh ? "fresh" : "kept"},
               {"reason", failed.failure.reason},
               {"detail", failed.failure.detail},
               {"waited_ms", rounded(seconds(failed.at - request.scheduled) * 1000)}};
    if (!request.reference.empty()) entry["reference"] = request.reference;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string pause_line(const Summary& summary, std::string_view of, const Pauses::Pause& pause) {
  return fmt::format("longest pause between {}: {:.0f} ms, from {} ({:.1f} s after the start)\n", of,
                     pause.milliseconds(), summary.wall.text(pause.from), seconds(pause.from - summary.begun));
}

} // namespace

std::string WallClock::text(Moment moment) const {
  using std::chrono::milliseconds;
  auto wall = wall_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(moment - moment_);
  auto since = std::chrono::floor<milliseconds>(wall.time_since_epoch()).count();
  std::time_t whole = since / 1000;
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, since % 1000);
}

std::string to_json(const Summary& summary) {
  const Figures& f = summary.figures;
  Json json{{"version", 1},
            {"run", summary.run},
            {"domain", summary.domain},
            {"begun", summary.wall.text(summary.begun)},
            {"stopped", summary.wall.text(summary.stopped)},
            {"ended", summary.wall.text(summary.ended)},
            {"stopped_by", summary.stopped_by},
            {"seconds", rounded(seconds(summary.stopped - summary.begun))},
            {"rate", summary.rate},
            {"requests", f.requests},
            {"answered", f.ok},
            {"failed", f.failures},
            {"writes", {{"started", f.writes}, {"acknowledged", f.acknowledged}, {"failed", f.failed_writes}}},
            {"on_fresh_connections", f.on_fresh},
            {"on_http2", f.on_http2},
            {"connections", {{"opened", summary.connections_opened}, {"reused", summary.connections_reused}}},
            {"longest_pause",
             {{"writes", json_of(summary, f.write_pauses.longest())},
              {"answers", json_of(summary, f.answer_pauses.longest())}}},
            {"longest_wait_ms", rounded(f.longest_wait_ms)},
            {"start_delay_ms", rounded(f.start_delay_ms)},
            {"failures", causes_json(summary)},
            {"latency_ms", latencies_json(summary)},
            {"first_failed", failed_json(summary)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_text(const Summary& summary) {
  const Figures& f = summary.figures;
  std::string text = fmt::format("run {} on {}: {} requests in {:.1f} s, {} answered, {} failed\n"
                                 "writes: {} started, {} acknowledged, {} failed\n",
                                 summary.run, summary.domain, f.requests, seconds(summary.stopped - summary.begun),
                                 f.ok, f.failures, f.writes, f.acknowledged, f.failed_writes);
  text += pause_line(summary, "acknowledged writes", f.write_pauses.longest());
  text += pause_line(summary, "answers", f.answer_pauses.longest());
  text +=
      fmt::format("connections: {} opened, {} requests on a kept one; the tool itself was late by {:.1f} ms at most\n",
                  summary.connections_opened, summary.connections_reused, f.start_delay_ms);
  text += fmt::format("\n{:<14}{:<10}{:>9}{:>10}{:>10}{:>10}{:>10}\n", "kind", "protocol", "answers", "p50 ms",
                      "p90 ms", "p99 ms", "max ms");
  for (const auto& [kind, protocol, q] : f.latencies()) {
    text += fmt::format("{:<14}{:<10}{:>9}{:>10.1f}{:>10.1f}{:>10.1f}{:>10.1f}\n", kind, protocol, q.n, q.p50, q.p90,
                        q.p99, q.max);
  }
  for (const auto& cause : f.causes()) {
    text += fmt::format("failed: {} × {} ({}): {}, from {} to {}\n", cause.count, cause.kind, cause.protocol,
                        cause.reason, summary.wall.text(cause.first), summary.wall.text(cause.last));
  }
  return text;
}

} // namespace tandem::load
