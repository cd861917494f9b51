#include "agent/http_head.hpp"

#include "base/text.hpp"

namespace tandem::agent {

namespace {

constexpr std::string_view head_end = "\r\n\r\n";

std::unexpected<Error> bad(const char* what) {
  return fail(ErrorKind::invalid, std::string("a request with ") + what);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, {}, [](unsigned char c) { return std::tolower(c); }, [](unsigned char c) { return std::tolower(c); });
}

Result<HttpHead> parse_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad("a broken first line");
  const std::string_view version = line.substr(last + 1);
  HttpHead head{std::string(line.substr(0, first)), std::string(line.substr(first + 1, last - first - 1)), true};
  if (!is_token(head.method)) return bad("a broken method");
  if (head.target.empty() || std::ranges::any_of(head.target, [](unsigned char c) { return c <= 0x20 || c == 0x7f; }))
    return bad("a broken target");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad("another version than HTTP/1");
  head.keep_alive = version == "HTTP/1.1";
  return head;
}

Result<std::uint64_t> parse_length(std::string_view value, std::uint64_t largest) {
  const auto length = to_number(value);
  if (!length || *length < 0 || value.front() == '+' || static_cast<std::uint64_t>(*length) > largest)
    return bad("a body that is too large");
  return static_cast<std::uint64_t>(*length);
}

struct Fields {
  HttpHead head;
  std::uint64_t body = 0;
};

using OnField = std::function<void(std::string_view name, std::string_view value)>;

Result<Fields> parse_head(std::string_view text, std::uint64_t largest_body, const OnField& on_field = {}) {
  std::optional<Fields> fields;
  bool has_length = false;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    if (!fields) {
      TANDEM_TRY(HttpHead head, parse_request_line(line));
      fields = Fields{std::move(head), 0};
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad("a broken header");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (on_field) on_field(name, value);
    if (same_word(name, "transfer-encoding")) return bad("a body of unknown length");
    if (same_word(name, "connection")) fields->head.keep_alive = same_word(value, "keep-alive");
    if (same_word(name, "content-length")) {
      if (std::exchange(has_length, true)) return bad("two lengths");
      TANDEM_TRY(fields->body, parse_length(value, largest_body));
    }
  }
  if (!fields) return bad("nothing in it");
  return *std::move(fields);
}

} // namespace

Result<std::optional<HttpHead>> HttpHeadReader::next() {
  const std::uint64_t skipped = std::min<std::uint64_t>(to_skip_, buffer_.size());
  buffer_.erase(0, skipped);
  to_skip_ -= skipped;
  if (to_skip_ > 0) return std::nullopt;
  const auto end = buffer_.find(head_end);
  if (end == std::string::npos ? buffer_.size() >= longest_head + head_end.size() : end > longest_head)
    return bad("too long a head");
  if (end == std::string::npos) return std::nullopt;
  TANDEM_TRY(Fields fields, parse_head(std::string_view(buffer_).substr(0, end), largest_skipped_body));
  buffer_.erase(0, end + head_end.size());
  to_skip_ = fields.body;
  return std::move(fields.head);
}

std::string HttpRequest::field(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

Result<std::optional<HttpRequest>> whole_request(std::string_view bytes, std::uint64_t largest_body) {
  const auto end = bytes.find(head_end);
  if (end == std::string_view::npos ? bytes.size() >= longest_head + head_end.size() : end > longest_head)
    return bad("too long a head");
  if (end == std::string_view::npos) return std::nullopt;
  HttpRequest request;
  TANDEM_TRY(Fields fields,
             parse_head(bytes.substr(0, end), largest_body, [&](std::string_view name, std::string_view value) {
               std::string small(name);
               std::ranges::transform(small, small.begin(),
                                      [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
               request.fields[small] = value;
             }));
  const auto body = bytes.substr(end + head_end.size());
  if (body.size() < fields.body) return std::nullopt;
  request.head = std::move(fields.head);
  request.body = body.substr(0, fields.body);
  return request;
}

} // namespace tandem::agent
