#include "fake_shop.hpp"

#include "bench/load/shop.hpp"

#include <nlohmann/json.hpp>

namespace tandem::load {

namespace {

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  std::size_t at = text.find(before);
  if (at == text.npos) return {};
  at += before.size();
  return text.substr(at, text.find(after, at) - at);
}

Reply see(const std::string& page) {
  return {.status = 303, .headers = {{"location", page}}, .body = {}};
}

} // namespace

Reply FakeShop::handle(const Asked& asked) {
  if (asked.method == "GET" && asked.target == "/order/") return own(asked);
  ++requests_;
  longest_body_ = std::max(longest_body_, asked.body_took);
  if (after_keeping) {
    Reply reply = own(asked);
    return fault(asked).value_or(reply);
  }
  if (auto reply = fault(asked)) return *reply;
  return own(asked);
}

Reply FakeShop::own(const Asked& asked) {
  if (asked.target == "/order/" && asked.method == "GET") {
    return {.headers = {{"set-cookie", "csrftoken=cookie1; Secure"}},
            .body = "<form><input type=\"hidden\" name=\"csrfmiddlewaretoken\" value=\"token1\"></form>"};
  }
  if (asked.method == "POST") {
    bool honest = asked.header("cookie").find("csrftoken=cookie1") != std::string::npos &&
                  asked.body.find("token1") != std::string::npos &&
                  asked.header("referer") == "https://shop.test" + asked.target;
    if (!honest) return {.status = 403, .headers = {}, .body = "CSRF"};
    if (asked.target == "/photo/") return keep_photo(asked);
    std::string reference = between(asked.body, "reference=", "&");
    ++orders_[reference];
    return see("/order/" + reference + "/");
  }
  if (auto found = media_.find(asked.target); found != media_.end()) return {.headers = {}, .body = found->second};
  bool known = asked.target == "/" || asked.target.starts_with("/product/") || asked.target.starts_with("/static/") ||
               asked.target.starts_with("/slow/");
  return {.status = known ? 200 : 404, .headers = {}, .body = std::string(3000, 'x')};
}

Reply FakeShop::keep_photo(const Asked& asked) {
  std::string reference = between(asked.body, "name=\"reference\"\r\n\r\n", "\r\n");
  std::string content = between(asked.body, "Content-Type: image/jpeg\r\n\r\n", "\r\n------tandem");
  auto& [count, kept] = photos_[reference];
  ++count;
  kept = content;
  media_[media_path(reference, sha256_of(content))] = content;
  return see("/photo/" + reference + "/");
}

std::string FakeShop::account() const {
  nlohmann::json json{{"orders", nlohmann::json::object()}, {"photos", nlohmann::json::object()}};
  for (const auto& [reference, count] : orders_)
    json["orders"][reference] = count;
  for (const auto& [reference, photo] : photos_) {
    json["photos"][reference] = {{"count", photo.first}, {"sha256", sha256_of(photo.second)}};
  }
  return json.dump();
}

} // namespace tandem::load
