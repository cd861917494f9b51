// A shop of a few lines that keeps what it is told, checks cookie, token and referer as Django does, and can be made
// to misbehave. Everything happens on the server's threads, one request at a time.
#pragma once
#include "server.hpp"

#include <map>
#include <mutex>
#include <optional>

namespace tandem::load {

class FakeShop {
public:
  // A reply that replaces the shop's own; the write is kept all the same when `after_keeping`.
  std::function<std::optional<Reply>(const Asked&)> fault = [](const Asked&) { return std::nullopt; };
  bool after_keeping = false;

  Reply handle(const Asked& asked);
  // What the real shop's command "ledger" prints.
  [[nodiscard]] std::string account() const;

  [[nodiscard]] std::chrono::steady_clock::duration longest_body() const { return longest_body_; }

  [[nodiscard]] std::uint64_t requests() const { return requests_; }

private:
  Reply own(const Asked& asked);
  Reply keep_photo(const Asked& asked);

  std::map<std::string, int> orders_;
  std::map<std::string, std::pair<int, std::string>> photos_; // how often, content
  std::map<std::string, std::string> media_;                  // by path
  std::chrono::steady_clock::duration longest_body_{};
  std::uint64_t requests_ = 0; // without those for the form
};

} // namespace tandem::load
