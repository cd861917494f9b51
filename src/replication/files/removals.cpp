#include "replication/files/removals.hpp"

#include <algorithm>

namespace tandem::replication {

namespace {

constexpr std::chrono::minutes half_an_hour{30};

} // namespace

bool Removals::is_over(const Count& count, Time now) const {
  return stopped_.empty() && now - count.since > std::chrono::hours(1);
}

Removals::Count& Removals::current(const std::string& root, Time now) {
  auto& count = counts_.try_emplace(root, Count{.since = now}).first->second;
  if (is_over(count, now)) count = {.since = now};
  return count;
}

void Removals::stream_begins(Time now) {
  for (auto& [root, count] : counts_) {
    count.stream = of(root, now);
    count.compared = count.made = 0;
  }
}

// The receiver's own hour ends by itself.
void Removals::stream_says(const std::string& root, std::uint64_t count, Time now) {
  current(root, now).stream = count;
}

void Removals::compared(const std::string& root, std::uint64_t deleted, std::uint64_t made, Time now) {
  if (deleted + made == 0) return;
  auto& count = current(root, now);
  if (stopped_.empty() && now - count.compared_at > half_an_hour) count.compared = count.made = 0;
  count.compared += deleted;
  count.made += made;
  count.compared_at = now;
}

void Removals::forget() {
  counts_.clear();
  stopped_.clear();
}

std::uint64_t Removals::of(const std::string& root, Time now) const {
  const auto known = counts_.find(root);
  if (known == counts_.end() || is_over(known->second, now)) return 0;
  const auto& count = known->second;
  const bool recent = !stopped_.empty() || now - count.compared_at <= half_an_hour;
  return count.stream + (recent ? count.compared - std::min(count.compared, count.made) : 0);
}

std::vector<Removals::Kept> Removals::keep(Time now) const {
  std::vector<Kept> kept;
  for (const auto& [root, count] : counts_)
    if (const auto names = of(root, now); names > 0)
      kept.push_back({root, names, std::chrono::duration_cast<std::chrono::seconds>(now - count.since)});
  return kept;
}

void Removals::take_back(const Kept& kept, Time now) {
  counts_[kept.root] = {.stream = kept.count, .since = now - kept.age};
}

RemovedSoFar Removals::known(Time now) const {
  RemovedSoFar removed{.stopped = !stopped_.empty()};
  for (const auto& [root, count] : counts_)
    removed.names[root] = of(root, now);
  return removed;
}

} // namespace tandem::replication
