// One piece of work a site at a time. The locks live in the agent's memory: when it dies so does the work, and the next
// deploy tidies up after it, so a lock that outlived its owner would only be in the way.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace tandem::sites {

struct Holder {
  std::string who; // "nikolays", "the switchover to duo"
  std::string why; // "deploy of janome.club at 85e57f8"
  std::chrono::system_clock::time_point since;
};

class SiteLocks {
public:
  // Held until it is destroyed. Movable. Must not outlive the SiteLocks it came from.
  class Lock {
  public:
    Lock(SiteLocks& locks, std::string domain) : locks_(&locks), domain_(std::move(domain)) {}

    Lock(Lock&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), domain_(std::move(other.domain_)) {}

    Lock& operator=(Lock&&) = delete;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();

  private:
    SiteLocks* locks_;
    std::string domain_;
  };

  // refused, saying who holds it, why and since when. Any thread.
  Result<Lock> take(const std::string& domain, Holder holder);
  [[nodiscard]] std::optional<Holder> holder(const std::string& domain) const;

private:
  void release(const std::string& domain);

  mutable std::mutex mutex_;
  std::map<std::string, Holder> holders_; // guarded by mutex_
};

} // namespace tandem::sites
