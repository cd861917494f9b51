// One run of load against one shop: visitors get their token, then requests start by the clock until the run is
// stopped, and what is in flight then is waited for. Everything on the caller's thread.
#pragma once
#include "base/result.hpp"
#include "bench/load/channel.hpp"
#include "bench/load/mix.hpp"
#include "bench/load/summary.hpp"

#include <filesystem>
#include <string>

namespace tandem::load {

struct RunSettings {
  std::string domain;
  Address connect;
  std::filesystem::path connect_file; // may be empty
  std::string ca_file;                // empty: the system's certificates
  std::filesystem::path ledger;
  std::string run; // begins every reference; letters, digits, - and _

  Mix mix;
  std::chrono::milliseconds duration{60'000};
  std::uint64_t most_requests = 10'000'000;
  std::size_t most_in_flight = 10'000; // more than that fail at once, so that an open loop ends
  std::chrono::milliseconds timeout{30'000};

  unsigned visitors = 20;
  unsigned products = 50;
  std::size_t photo_size = 20'000;
  std::size_t slow_photo_size = 2'000'000;
  std::uint64_t slow_photo_bytes_per_second = 20'000;
  unsigned slow_page_seconds = 5;
  std::string static_path = "/static/shop/style.css";
  std::size_t http2_connections = 6;
  std::uint64_t requests_per_connection = 500;
  std::chrono::milliseconds idle{20'000};
};

struct Progress {
  std::string time;
  Second second;
  std::uint64_t answered = 0, failed = 0; // since the start
  std::size_t in_flight = 0;
  double oldest_ms = 0; // how long the oldest request in flight has been waiting, slow kinds left out
};

struct RunCallbacks {
  std::function<void()> on_ready;                   // every visitor has his token; requests start now
  std::function<void(const Progress&)> on_progress; // once a second
};

// The first SIGTERM or SIGINT stops starting requests; the second gives up those in flight, which then have failed.
// Ignores SIGPIPE from now on.
[[nodiscard]] Result<Summary> run(const RunSettings& settings, const RunCallbacks& callbacks);

} // namespace tandem::load
