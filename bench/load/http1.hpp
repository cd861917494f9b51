// HTTP/1.1 on the wire: the head of a request, and an incremental parser of answers. Pure, no I/O.
#pragma once
#include "bench/load/http.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::load {

// The head with its empty line. A body, if any, is announced by content-length and not part of the text.
[[nodiscard]] std::string http1_head(const Request& request, std::string_view host, bool keep_alive);

// Reads one answer to a GET or POST, in pieces of any size. Interim answers (1xx) are skipped.
class Http1Parser {
public:
  // Takes bytes from the connection and returns how many belong to this answer. Once done() or broken(), takes none.
  std::size_t feed(std::string_view bytes);
  // The connection ended; clean: by the peer's own word (TLS close_notify). Completes an answer whose body
  // lasts until the end; any other unfinished answer stays unfinished.
  void end_of_stream(bool clean);

  [[nodiscard]] bool done() const { return state_ == State::done; }

  [[nodiscard]] bool broken() const { return state_ == State::broken; }

  // Some byte of the answer was seen.
  [[nodiscard]] bool begun() const { return begun_; }

  // After done(): the connection may carry another request.
  [[nodiscard]] bool reusable() const { return reusable_; }

  // After broken(): what was wrong.
  [[nodiscard]] const std::string& error() const { return error_; }

  [[nodiscard]] Answer take() { return std::move(answer_); }

private:
  enum class State { status, headers, body, until_end, chunk_size, chunk_data, chunk_end, trailers, done, broken };

  void line(std::string_view text);
  void status_line(std::string_view text);
  void header_line(std::string_view text);
  void head_complete();
  void chunk_size_line(std::string_view text);
  void keep(std::string_view bytes);
  void fail(std::string message);

  State state_ = State::status;
  bool begun_ = false;
  bool reusable_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
  std::uint64_t left_ = 0;     // bytes left of the body or of the chunk
  std::size_t head_bytes_ = 0; // all lines so far, so that an endless head is refused
  std::string line_;           // an unfinished line
  std::string error_;
  Answer answer_;
};

} // namespace tandem::load
