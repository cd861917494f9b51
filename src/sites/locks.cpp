#include "sites/locks.hpp"

#include <ctime>

namespace tandem::sites {

namespace {

std::string clock_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:02}:{:02}:{:02} UTC", utc.tm_hour, utc.tm_min, utc.tm_sec);
}

} // namespace

SiteLocks::Lock::~Lock() {
  if (locks_ != nullptr) locks_->release(domain_);
}

Result<SiteLocks::Lock> SiteLocks::take(const std::string& domain, Holder holder) {
  const std::lock_guard guard(mutex_);
  const auto [entry, taken] = holders_.try_emplace(domain, std::move(holder));
  if (taken) return Lock(*this, domain);
  const auto& other = entry->second;
  return fail(ErrorKind::refused,
              fmt::format("{} is at work on {} since {}: {}", other.who, domain, clock_text(other.since), other.why),
              "Wait for its end and try again.");
}

std::optional<Holder> SiteLocks::holder(const std::string& domain) const {
  const std::lock_guard guard(mutex_);
  const auto found = holders_.find(domain);
  if (found == holders_.end()) return {};
  return found->second;
}

void SiteLocks::release(const std::string& domain) {
  const std::lock_guard guard(mutex_);
  holders_.erase(domain);
}

} // namespace tandem::sites
