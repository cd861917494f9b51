#include "agent/turns.hpp"

namespace tandem::agent {

void Turns::begin() {
  const std::lock_guard lock(mutex_);
  failed_.clear();
}

Result<void> Turns::take(const std::string& what, const std::string& server, std::chrono::seconds limit, TurnOf whose) {
  std::unique_lock lock(mutex_);
  const auto mine = [&] {
    const auto holder = holders_.find(what);
    return holder == holders_.end() || holder->second == server;
  };
  if (!changed_.wait_for(lock, limit, mine))
    return fail(ErrorKind::unavailable, "waiting to " + what + ": " + holders_[what] + " has not finished it");
  if (const auto bad = failed_.find(what); whose == TurnOf::apply && bad != failed_.end())
    return fail(ErrorKind::refused,
                fmt::format("not done on {}, since it failed on {}: {}", server, bad->second, what));
  holders_[what] = server;
  return {};
}

void Turns::give_back(const std::string& what, const std::string& server, bool done) {
  const std::lock_guard lock(mutex_);
  if (!done) failed_.emplace(what, server);
  if (const auto holder = holders_.find(what); holder != holders_.end() && holder->second == server)
    holders_.erase(holder);
  changed_.notify_all();
}

void Turns::forget(const std::string& server) {
  const std::lock_guard lock(mutex_);
  std::erase_if(holders_, [&](const auto& holder) { return holder.second == server; });
  changed_.notify_all();
}

} // namespace tandem::agent
