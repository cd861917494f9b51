// Which request is due when. Pure: the same mix and number always give the same request, so that a run can be
// repeated, and nothing a server does can delay or change what is asked next (open loop).
#pragma once
#include "bench/load/http.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tandem::load {

// home, product, slow_page, order, photo, slow_photo are answered by the application; static_file, media by nginx.
enum class Kind { home, product, static_file, media, slow_page, order, photo, slow_photo };

[[nodiscard]] std::string_view name_of(Kind kind);
[[nodiscard]] std::span<const Kind> all_kinds();
[[nodiscard]] bool is_write(Kind kind);
// Takes long by intention; its end says nothing about a pause of the server.
[[nodiscard]] bool is_slow(Kind kind);

struct Mix {
  double rate = 200;                             // requests started per second
  double writes = 0.2;                           // share of writes among all
  double photos = 0.1;                           // share of photo uploads among the writes
  double pages = 0.25;                           // share of the application's pages among the reads
  bool media = false;                            // some reads ask for media files
  std::chrono::milliseconds slow_photo_every{0}; // one slow upload starts every so often; 0: none
  std::chrono::milliseconds slow_page_every{0};  // the same for pages that take long
  double http2 = 0.5;                            // share of HTTP/2
  double fresh = 0.2;                            // share of requests on a connection of their own
  std::uint64_t seed = 1;
};

struct Planned {
  Kind kind = Kind::home;
  Protocol protocol = Protocol::http1;
  bool fresh = false;
  std::uint64_t random = 0; // for details such as which product
};

// "500ms", "30s", "5m", "1h"; nullopt for anything else.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// Since the start of the run. index counts from 0.
[[nodiscard]] std::chrono::nanoseconds due(const Mix& mix, std::uint64_t index);
// Writes are spread evenly: of any n requests in a row, n × writes (rounded up or down) are writes.
[[nodiscard]] Planned planned(const Mix& mix, std::uint64_t index);

} // namespace tandem::load
