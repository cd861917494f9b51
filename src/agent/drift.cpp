#include "agent/drift.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds between_looks{30};
constexpr std::chrono::seconds second_look{10};
constexpr std::chrono::minutes between_repairs{10};

} // namespace

void Drift::seen(const std::string& moment, std::vector<std::string> ids) {
  std::vector<std::string> both;
  std::ranges::copy_if(ids, std::back_inserter(both),
                       [&](const std::string& id) { return std::ranges::find(latest_, id) != latest_.end(); });
  if (standing_.empty()) since_ = both.empty() ? "" : moment;
  latest_ = std::move(ids);
  standing_ = std::move(both);
  misses_ = 0;
}

void Drift::missed(const std::string& why) {
  ++misses_;
  why_missed_ = why;
}

void Drift::forget() {
  latest_.clear();
  standing_.clear();
  since_.clear();
  misses_ = 0;
}

std::chrono::seconds Drift::pause() const {
  return latest_ == standing_ && misses_ != 1 ? between_looks : second_look;
}

bool Drift::take_repair(Time now) {
  if (standing_.empty() || (repaired_ && now < *repaired_ + between_repairs)) return false;
  repaired_ = now;
  return true;
}

std::string to_text(const Drift& drift) {
  if (drift.ids().empty()) return {};
  const auto more = drift.ids().size() - 1;
  const auto what =
      more == 0 ? drift.ids().front() + " is not as `tandem apply` would leave it"
                : fmt::format("{} and {} more are not as `tandem apply` would leave them", drift.ids().front(), more);
  return fmt::format("{}, since {} or before: `tandem plan` shows how", what, drift.since());
}

} // namespace tandem::agent
