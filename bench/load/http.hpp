// What is asked and what comes back, the same for HTTP/1.1 and HTTP/2. Plain values.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::load {

enum class Protocol { http1, http2 };

[[nodiscard]] std::string_view name_of(Protocol protocol);

struct Header {
  std::string name; // lower case
  std::string value;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";
  std::vector<Header> headers; // without host, content-length and connection
  std::string body;
  std::uint64_t bytes_per_second = 0; // the pace of the body; 0: as fast as it goes
};

struct Answer {
  int status = 0;
  std::vector<Header> headers;
  std::string body; // the first `kept_body` bytes of it
};

// How much of an answer's body is kept; the rest is counted and dropped.
inline constexpr std::size_t kept_body = 256 * 1024;

// The value of the first header of that name, or an empty text.
[[nodiscard]] std::string_view header(const Answer& answer, std::string_view lower_case_name);

struct Failure {
  std::string reason; // one of few, so that failures can be counted by it: "timed out", "status 503" …
  std::string detail; // what exactly was seen; may be empty
};

using Outcome = std::expected<Answer, Failure>;

// One request under way. `done` is called exactly once, by whoever ends it first.
struct Exchange {
  Request request;
  std::function<void(Outcome)> done;
  bool finished = false;

  void finish(Outcome outcome) {
    if (finished) return;
    finished = true;
    done(std::move(outcome));
  }
};

} // namespace tandem::load
