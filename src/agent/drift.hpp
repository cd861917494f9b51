// What is no longer as the latest apply left it, from one look at the server to the next. Pure.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tandem::agent {

class Drift {
public:
  using Time = std::chrono::steady_clock::time_point;

  // A look found these resources different, at a moment as a person reads it. What two looks in a row have found is
  // drift: a service that was just restarting, or a file that somebody is writing, is none.
  void seen(const std::string& moment, std::vector<std::string> ids);
  // It could not be compared. What stands, stands; a second time in a row it is told.
  void missed(const std::string& why);
  // It was no time to look, or something changed the server in earnest: what was seen before means nothing any more.
  void forget();

  [[nodiscard]] const std::vector<std::string>& ids() const { return standing_; }

  [[nodiscard]] const std::string& since() const { return since_; }

  // Why it cannot be compared; "" as long as it can, or was missed only once.
  [[nodiscard]] std::string problem() const { return misses_ > 1 ? why_missed_ : ""; }

  // How long to wait after a look: less while something waits to be seen for the second time.
  [[nodiscard]] std::chrono::seconds pause() const;
  // Whether to repair now; true counts as having done so. Something that comes back, because another program keeps
  // changing it or the repair fails, is repaired every ten minutes at most.
  bool take_repair(Time now);

private:
  std::vector<std::string> latest_;
  std::vector<std::string> standing_;
  std::string since_;
  int misses_ = 0; // in a row
  std::string why_missed_;
  std::optional<Time> repaired_;
};

// "file /etc/hosts and 2 more are not as `tandem apply` would leave them, since 2026-…: …"; empty for none.
std::string to_text(const Drift& drift);

} // namespace tandem::agent
