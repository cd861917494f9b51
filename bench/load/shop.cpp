#include "bench/load/shop.hpp"

#include "base/text.hpp"

#include <openssl/sha.h>

namespace tandem::load {

namespace {

constexpr std::string_view boundary = "----tandem-load-boundary-7d1f6b0c";

std::string form_encoded(std::string_view text) {
  std::string result;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                 c == '.' || c == '~';
    result += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

void add_cookies(Request& request, const Visitor& visitor) {
  std::string line;
  for (const auto& [name, value] : visitor.cookies)
    line += (line.empty() ? "" : "; ") + name + "=" + value;
  if (!line.empty()) request.headers.push_back({"cookie", std::move(line)});
}

// Django demands a referer of its own on HTTPS, as browsers send it.
Request post(const Visitor& visitor, std::string_view domain, std::string target, std::string content_type) {
  Request request{.method = "POST", .target = std::move(target), .headers = {}, .body = {}};
  request.headers.push_back({"user-agent", "tandem-load"});
  request.headers.push_back({"origin", fmt::format("https://{}", domain)});
  request.headers.push_back({"referer", fmt::format("https://{}{}", domain, request.target)});
  request.headers.push_back({"content-type", std::move(content_type)});
  add_cookies(request, visitor);
  return request;
}

// The value of an attribute within the text of one tag.
std::optional<std::string_view> attribute(std::string_view tag, std::string_view name) {
  for (std::size_t at = tag.find(name); at != tag.npos; at = tag.find(name, at + 1)) {
    std::string_view rest = tag.substr(at + name.size());
    bool whole_name = at > 0 && (tag[at - 1] == ' ' || tag[at - 1] == '\n' || tag[at - 1] == '\t');
    if (!whole_name || rest.size() < 2 || rest[0] != '=' || (rest[1] != '"' && rest[1] != '\'')) continue;
    std::size_t end = rest.find(rest[1], 2);
    if (end == rest.npos) return std::nullopt;
    return rest.substr(2, end - 2);
  }
  return std::nullopt;
}

std::string multipart_field(std::string_view name, std::string_view value) {
  return fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", boundary, name, value);
}

// The path of a URL that may have a scheme and a host.
std::string_view path_of(std::string_view location) {
  std::size_t scheme = location.find("://");
  if (scheme == location.npos) return location;
  std::size_t slash = location.find('/', scheme + 3);
  return slash == location.npos ? "/" : location.substr(slash);
}

} // namespace

void take_cookies(Visitor& visitor, const Answer& answer) {
  for (const Header& entry : answer.headers) {
    if (entry.name != "set-cookie") continue;
    std::string_view pair = std::string_view(entry.value).substr(0, entry.value.find(';'));
    std::size_t equals = pair.find('=');
    if (equals == pair.npos || equals == 0) continue;
    visitor.cookies[std::string(trim(pair.substr(0, equals)))] = std::string(trim(pair.substr(equals + 1)));
  }
}

Result<std::string> form_token(std::string_view page) {
  for (std::size_t at = page.find("<input"); at != page.npos; at = page.find("<input", at + 1)) {
    std::size_t end = page.find('>', at);
    if (end == page.npos) break;
    std::string_view tag = page.substr(at, end - at);
    if (attribute(tag, "name") != "csrfmiddlewaretoken") continue;
    auto value = attribute(tag, "value");
    if (value && !value->empty()) return std::string(*value);
  }
  return failed("the page has no form with a csrfmiddlewaretoken");
}

Request get(const Visitor& visitor, std::string target) {
  Request request{.method = "GET", .target = std::move(target), .headers = {{"user-agent", "tandem-load"}}, .body = {}};
  add_cookies(request, visitor);
  return request;
}

Request order(const Visitor& visitor, std::string_view domain, std::string_view reference, unsigned product,
              unsigned quantity) {
  Request request = post(visitor, domain, "/order/", "application/x-www-form-urlencoded");
  request.body = fmt::format("csrfmiddlewaretoken={}&product={}&quantity={}&reference={}", form_encoded(visitor.token),
                             product, quantity, form_encoded(reference));
  return request;
}

Request photo(const Visitor& visitor, std::string_view domain, std::string_view reference, unsigned product,
              std::string_view content) {
  Request request = post(visitor, domain, "/photo/", fmt::format("multipart/form-data; boundary={}", boundary));
  request.body = multipart_field("csrfmiddlewaretoken", visitor.token) +
                 multipart_field("product", std::to_string(product)) + multipart_field("reference", reference);
  request.body += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"{}.jpg\"\r\n"
                              "Content-Type: image/jpeg\r\n\r\n",
                              boundary, reference);
  request.body += content;
  request.body += fmt::format("\r\n--{}--\r\n", boundary);
  return request;
}

std::string photo_content(std::string_view reference, std::size_t size) {
  std::uint64_t state = 0xcbf29ce484222325U; // FNV-1a of the reference, then xorshift64*
  for (char c : reference)
    state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string result = "\xff\xd8\xff\xe0";
  while (result.size() + 2 < size) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    std::uint64_t word = state * 0x2545f4914f6cdd1dU;
    for (int i = 0; i < 8 && result.size() + 2 < size; ++i, word >>= 8)
      result += static_cast<char>(word & 0xff);
  }
  return result + "\xff\xd9";
}

std::string sha256_of(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return to_hex(digest);
}

std::string media_path(std::string_view reference, std::string_view sha256) {
  return fmt::format("/media/photos/{}-{}.jpg", reference, sha256.substr(0, 12));
}

std::optional<Failure> judge(Kind kind, const Answer& answer, std::string_view reference, std::string_view sha256) {
  const int expected = is_write(kind) ? 303 : 200;
  if (answer.status != expected) return Failure{fmt::format("status {}", answer.status), {}};
  if (is_write(kind)) {
    std::string page = fmt::format("/{}/{}/", kind == Kind::order ? "order" : "photo", reference);
    std::string_view location = header(answer, "location");
    if (path_of(location) != page) return Failure{"wrong location", std::string(location)};
  }
  if (kind == Kind::media && sha256_of(answer.body) != sha256) {
    return Failure{"wrong content", fmt::format("{} bytes of {}", answer.body.size(), reference)};
  }
  return std::nullopt;
}

} // namespace tandem::load
