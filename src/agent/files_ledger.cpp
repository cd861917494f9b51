#include "agent/files_ledger.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

using Json = nlohmann::json;
using std::chrono::steady_clock;

namespace {

std::int64_t wall_seconds(system::Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.wall_time().time_since_epoch()).count();
}

} // namespace

// {"server": {"stopped": why, "roots": {path: [names, since when]}}}
Result<void> FilesLedger::keep(system::Files& files, system::Clock& clock, std::string path) {
  const std::lock_guard guard(mutex_);
  files_ = &files;
  clock_ = &clock;
  path_ = std::move(path);
  const auto text = files.read(path_);
  if (!text && text.error().kind == ErrorKind::not_found) return {};
  if (!text) return std::unexpected(text.error());
  try {
    const auto known = Json::parse(*text);
    for (const auto& [server, one] : known.items()) {
      auto& removals = removals_[server];
      for (const auto& [root, kept] : one.at("roots").items()) {
        const auto age = std::max<std::int64_t>(wall_seconds(clock) - kept.at(1).get<std::int64_t>(), 0);
        removals.take_back({root, kept.at(0).get<std::uint64_t>(), std::chrono::seconds(age)}, steady_clock::now());
      }
      if (const auto why = one.at("stopped").get<std::string>(); !why.empty()) removals.stop(why);
    }
  } catch (const Json::exception&) {
    return tandem::failed(path_ + " is not what tandem keeps there");
  }
  return {};
}

// A failure leaves it as it is in memory; only an agent that ends before the next time loses it.
void FilesLedger::save() {
  if (files_ == nullptr) return;
  Json known = Json::object();
  saved_ = 0;
  for (const auto& [server, removals] : removals_) {
    Json roots = Json::object();
    for (const auto& kept : removals.keep(steady_clock::now())) {
      roots[kept.root] = {kept.count, wall_seconds(*clock_) - kept.age.count()};
      saved_ += kept.count;
    }
    if (!roots.empty() || !removals.stopped().empty())
      known[server] = {{"stopped", removals.stopped()}, {"roots", std::move(roots)}};
  }
  [[maybe_unused]] const auto done =
      known.empty() ? files_->remove(path_)
                    : files_->write(path_, known.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", 0600, {});
}

void FilesLedger::save_when_it_matters() {
  std::uint64_t sum = 0;
  for (const auto& [server, removals] : removals_)
    for (const auto& kept : removals.keep(steady_clock::now()))
      sum += kept.count;
  saved_ = std::min(saved_, sum); // what is kept may be older than its hour
  if (sum >= saved_ + replication::few_deletions) save();
}

void FilesLedger::compared_names(const std::string& server, const std::map<std::string, Names>& names) {
  const std::lock_guard guard(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [root, count] : names) {
    removals_[server].compared(root, count.removed, count.made, steady_clock::now());
    sum += count.removed - std::min(count.removed, count.made);
  }
  // The receiver that goes on is told of it when it begins anew.
  if (sum >= replication::few_deletions) renewals_.insert(server);
  save_when_it_matters();
}

void FilesLedger::succeeded(const std::string& server, std::string complete_to, const replication::Reconciled& done,
                            Time began, bool allowed) {
  const std::lock_guard guard(mutex_);
  auto& entry = entries_[server];
  entry = {.complete_to = std::max(entry.complete_to, complete_to), // they sort by time
           .last = done,
           .problem = {},
           .compared = began,
           .streamed = entry.streamed,
           .stream_problem = std::move(entry.stream_problem),
           .advanced = entry.streamed ? std::optional(steady_clock::now()) : std::nullopt};
  asked_.erase(server);
  auto& removals = removals_[server];
  const bool was_stopped = !removals.stopped().empty();
  if (allowed) renewals_.insert(server);
  if (allowed || was_stopped) { // stopped, it has found that nothing is missing any more
    removals.forget();
    ++counts_[server];
    save();
  }
}

void FilesLedger::failed(const std::string& server, const Error& problem) {
  const std::lock_guard guard(mutex_);
  entries_[server].problem = problem.message;
  entries_[server].refused = problem.kind == ErrorKind::refused;
}

void FilesLedger::ask_for(const std::string& server) {
  const std::lock_guard guard(mutex_);
  asked_.insert(server);
}

bool FilesLedger::compared_since(const std::string& server, Time moment) const {
  const std::lock_guard guard(mutex_);
  const auto known = entries_.find(server);
  return known != entries_.end() && known->second.compared && *known->second.compared >= moment;
}

std::set<std::string> FilesLedger::broke_off() const {
  const std::lock_guard guard(mutex_);
  std::set<std::string> servers;
  for (const auto& [server, entry] : entries_)
    if (!entry.problem.empty() && (!entry.refused || asked_.contains(server))) servers.insert(server);
  return servers;
}

std::set<std::string> FilesLedger::asked() const {
  const std::lock_guard guard(mutex_);
  std::set<std::string> servers;
  for (const auto& server : asked_)
    if (const auto known = entries_.find(server); known == entries_.end() || known->second.problem.empty())
      servers.insert(server);
  return servers;
}

void FilesLedger::streamed(const std::string& server, bool live, const std::string& complete_to,
                           const std::string& problem) {
  const std::lock_guard guard(mutex_);
  auto& entry = entries_[server];
  if (!live)
    entry.advanced.reset();
  else if (!entry.advanced || complete_to != entry.said)
    entry.advanced = steady_clock::now();
  entry.said = complete_to;
  entry.streamed = live;
  entry.stream_problem = problem;
  entry.complete_to = std::max(entry.complete_to, complete_to);
}

FilesLedger::Begun FilesLedger::stream_begins(const std::string& server) {
  const std::lock_guard guard(mutex_);
  auto& removals = removals_[server];
  const auto now = steady_clock::now();
  removals.stream_begins(now);
  return {.removed = removals.known(now), .count = counts_[server]};
}

void FilesLedger::stream_removed(const std::string& server, std::uint64_t count,
                                 const std::map<std::string, std::uint64_t>& names, const std::string& stopped) {
  const std::lock_guard guard(mutex_);
  if (count != counts_[server]) return;
  auto& removals = removals_[server];
  for (const auto& [root, removed] : names)
    removals.stream_says(root, removed, steady_clock::now());
  if (stopped.empty() || removals.stopped() == stopped) return save_when_it_matters();
  removals.stop(stopped);
  save();
}

bool FilesLedger::take_renewal(const std::string& server) {
  const std::lock_guard guard(mutex_);
  return renewals_.erase(server) > 0;
}

replication::RemovedSoFar FilesLedger::removed(const std::string& server) const {
  const std::lock_guard guard(mutex_);
  const auto known = removals_.find(server);
  return known == removals_.end() ? replication::RemovedSoFar{} : known->second.known(steady_clock::now());
}

std::map<std::string, FilesLedger::Entry> FilesLedger::entries() const {
  const std::lock_guard guard(mutex_);
  return entries_;
}

std::chrono::seconds FilesLedger::stands_still(const std::string& server) const {
  if (compares_) return {};
  const std::lock_guard guard(mutex_);
  const auto known = entries_.find(server);
  if (known == entries_.end() || !known->second.advanced) return {};
  return std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - *known->second.advanced);
}

FilesLedger::Turn FilesLedger::wait() {
  std::unique_lock work(working_);
  return {std::move(work), compares_};
}

std::optional<FilesLedger::Turn> FilesLedger::begin() {
  std::unique_lock work(working_, std::try_to_lock);
  if (!work) return std::nullopt;
  return std::optional<Turn>(std::in_place, std::move(work), compares_);
}

} // namespace tandem::agent
