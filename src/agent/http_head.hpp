// The heads of HTTP/1.1 requests, as far as the gate needs them, and whole requests. Pure; bounded; fuzzed.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::agent {

constexpr std::size_t longest_head = std::size_t{16} << 10U;
constexpr std::uint64_t largest_skipped_body = std::uint64_t{64} << 10U;

struct HttpHead {
  std::string method;
  std::string target;
  bool keep_alive = true; // the connection may carry another request
};

// Takes bytes as they come and gives the requests in them. Bodies of a known, small length are skipped.
class HttpHeadReader {
public:
  void take(std::string_view bytes) { buffer_ += bytes; }

  // The next whole head; nullopt when more bytes are needed. After an error the connection is of no more use.
  Result<std::optional<HttpHead>> next();

private:
  std::string buffer_;
  std::uint64_t to_skip_ = 0;
};

struct HttpRequest {
  HttpHead head;
  std::map<std::string, std::string> fields; // names in small letters; of several with one name the last
  std::string body;

  // Empty where there is no such field.
  [[nodiscard]] std::string field(const std::string& name) const;
};

// The one request that a connection carries; nullopt when more bytes are needed. An error when it is none, or
// its body is of an unknown length or larger than that.
Result<std::optional<HttpRequest>> whole_request(std::string_view bytes, std::uint64_t largest_body);

} // namespace tandem::agent
