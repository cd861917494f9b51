#include "replication/files/stray_files.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

void StrayFiles::join(Files& files, Dirty what) {
  const auto [at, fresh] = files.try_emplace(what.file, what);
  auto& known = at->second;
  if (!fresh) orders_.erase(orders_.find(known.order));
  known.order = std::min(known.order, what.order);
  orders_.insert(known.order);
  if (fresh) return;
  known.place = std::move(what.place);
  known.open = known.open && what.open;
  known.content = known.content || what.content;
  known.wanted = known.wanted || what.wanted;
  known.sought = known.sought && what.sought;
}

void StrayFiles::add(Dirty what) {
  join(unsighted_, std::move(what));
}

Dirty StrayFiles::take_out(Files& files, Files::iterator at) {
  auto what = std::move(files.extract(at).mapped());
  orders_.erase(orders_.find(what.order));
  return what;
}

void StrayFiles::forget(const std::string& file) {
  for (auto* files : {&unsighted_, &sighted_, &unnamed_})
    if (const auto known = files->find(file); known != files->end()) take_out(*files, known);
}

void StrayFiles::sighted() {
  while (!unsighted_.empty())
    join(sighted_, take_out(unsighted_, unsighted_.begin()));
}

std::optional<Dirty> StrayFiles::take() {
  if (sighted_.empty()) return std::nullopt;
  return take_out(sighted_, sighted_.begin());
}

void StrayFiles::await_names(Dirty what) {
  what.sought = false;
  join(unnamed_, std::move(what));
}

std::vector<Dirty> StrayFiles::seek() {
  std::vector<Dirty> all;
  for (auto& [file, what] : unnamed_) {
    what.sought = true;
    all.push_back(what);
  }
  return all;
}

void StrayFiles::release() {
  for (auto at = unnamed_.begin(); at != unnamed_.end();) {
    const auto next = std::next(at);
    if (at->second.sought) join(sighted_, take_out(unnamed_, at));
    at = next;
  }
}

std::optional<std::uint64_t> StrayFiles::oldest() const {
  return orders_.empty() ? std::nullopt : std::optional(*orders_.begin());
}

void StrayFiles::clear() {
  unsighted_.clear();
  sighted_.clear();
  unnamed_.clear();
  orders_.clear();
}

} // namespace tandem::replication::stream
