#include "bench/load/http1.hpp"

#include "base/text.hpp"

namespace tandem::load {

namespace {

constexpr std::size_t longest_head = 64 * 1024;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Whether a comma-separated header such as "keep-alive, close" names the word.
bool names(std::string_view list, std::string_view word) {
  for (std::string_view piece : split(list, ',')) {
    if (lower(trim(piece)) == word) return true;
  }
  return false;
}

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  if (text.empty() || text.size() > 15) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint64_t>(digit);
  }
  return value;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

} // namespace

std::string http1_head(const Request& request, std::string_view host, bool keep_alive) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.target, host);
  for (const Header& entry : request.headers)
    head += fmt::format("{}: {}\r\n", entry.name, entry.value);
  if (!request.body.empty() || request.method == "POST") {
    head += fmt::format("content-length: {}\r\n", request.body.size());
  }
  if (!keep_alive) head += "connection: close\r\n";
  return head + "\r\n";
}

std::size_t Http1Parser::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !done() && !broken()) {
    std::string_view rest = bytes.substr(used);
    begun_ = true;
    if (state_ == State::until_end) {
      keep(rest);
      return bytes.size();
    }
    if (state_ == State::body || state_ == State::chunk_data) {
      std::string_view piece = rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      keep(piece);
      used += piece.size();
      left_ -= piece.size();
      if (left_ == 0) state_ = state_ == State::body ? State::done : State::chunk_end;
      continue;
    }
    std::size_t end = rest.find('\n');
    std::string_view piece = rest.substr(0, end == rest.npos ? rest.size() : end + 1);
    used += piece.size();
    head_bytes_ += piece.size();
    line_ += piece;
    if (head_bytes_ > longest_head) fail("the head of the answer is longer than 64 KiB");
    if (end == rest.npos || broken()) continue;
    std::string whole = std::exchange(line_, {});
    whole.pop_back();
    if (whole.ends_with('\r')) whole.pop_back();
    line(whole);
  }
  return used;
}

void Http1Parser::end_of_stream(bool clean) {
  reusable_ = false;
  if (state_ == State::until_end && clean) state_ = State::done;
}

void Http1Parser::line(std::string_view text) {
  switch (state_) {
  case State::status:
    return status_line(text);
  case State::headers:
    return text.empty() ? head_complete() : header_line(text);
  case State::chunk_size:
    return chunk_size_line(text);
  case State::chunk_end:
    if (!text.empty()) return fail("a chunk is longer than it says");
    head_bytes_ = 0;
    state_ = State::chunk_size;
    return;
  case State::trailers:
    if (text.empty()) state_ = State::done;
    return;
  default:
    return;
  }
}

void Http1Parser::status_line(std::string_view text) {
  bool well_formed = text.size() >= 12 && text.starts_with("HTTP/1.") && (text[7] == '0' || text[7] == '1') &&
                     text[8] == ' ' && (text.size() == 12 || text[12] == ' ');
  auto status = well_formed ? decimal(text.substr(9, 3)) : std::nullopt;
  if (!status || *status < 100) return fail(fmt::format("not a status line: \"{}\"", text.substr(0, 60)));
  if (text[7] == '0') reusable_ = false;
  answer_.status = static_cast<int>(*status);
  state_ = State::headers;
}

void Http1Parser::header_line(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0) return fail(fmt::format("not a header: \"{}\"", text.substr(0, 60)));
  Header entry{lower(text.substr(0, colon)), std::string(trim(text.substr(colon + 1)))};
  if (entry.name == "content-length") {
    auto length = decimal(entry.value);
    if (!length || (has_length_ && *length != left_)) return fail("a bad content-length: " + entry.value);
    has_length_ = true;
    left_ = *length;
  } else if (entry.name == "transfer-encoding") {
    if (lower(entry.value) != "chunked") return fail("an unknown transfer-encoding: " + entry.value);
    chunked_ = true;
  } else if (entry.name == "connection" && names(entry.value, "close")) {
    reusable_ = false;
  }
  answer_.headers.push_back(std::move(entry));
}

void Http1Parser::head_complete() {
  const int status = answer_.status;
  if (status == 101) return fail("switching protocols was not asked for");
  if (status < 200) {
    *this = Http1Parser();
    begun_ = true;
    return;
  }
  if (status == 204 || status == 304) {
    state_ = State::done;
  } else if (chunked_) {
    if (has_length_) return fail("both content-length and chunks");
    head_bytes_ = 0;
    state_ = State::chunk_size;
  } else if (has_length_) {
    state_ = left_ == 0 ? State::done : State::body;
  } else {
    reusable_ = false;
    state_ = State::until_end;
  }
}

void Http1Parser::chunk_size_line(std::string_view text) {
  auto size = hexadecimal(trim(text.substr(0, text.find(';'))));
  if (!size) return fail(fmt::format("not a chunk size: \"{}\"", text.substr(0, 60)));
  left_ = *size;
  state_ = left_ == 0 ? State::trailers : State::chunk_data;
}

void Http1Parser::keep(std::string_view bytes) {
  std::size_t room = kept_body - std::min(kept_body, answer_.body.size());
  answer_.body += bytes.substr(0, room);
}

void Http1Parser::fail(std::string message) {
  error_ = std::move(message);
  reusable_ = false;
  state_ = State::broken;
}

} // namespace tandem::load
