#include "replication/files/dirty_queue.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

void DirtyQueue::put(Dirty what) {
  const auto turn = next_turn_++;
  if (what.is_state()) turns_[what.place] = turn;
  open_.insert(what.order);
  if (what.asked) ++asked_;
  waiting_.emplace(turn, std::move(what));
}

Dirty DirtyQueue::take_out(Waiting::iterator at) {
  auto what = std::move(at->second);
  if (what.is_state()) turns_.erase(what.place);
  open_.erase(open_.find(what.order));
  if (what.asked) --asked_;
  waiting_.erase(at);
  return what;
}

void DirtyQueue::add(Dirty what) {
  if (what.order == 0) what.order = next_order_++;
  if (what.content && !what.open && what.is_state()) join_rest(what);
  const auto known = turns_.find(what.place);
  if (!what.is_state() || known == turns_.end()) return put(std::move(what));
  auto& before = waiting_.at(known->second);
  if (!what.file.empty()) keep_file(what, before);
  if (!what.file.empty()) before.file = std::move(what.file);
  before.content = before.content || what.content;
  before.wanted = before.wanted || what.wanted;
  before.deep = before.deep || what.deep;
  before.open = before.open && what.open;
  before.unheard = before.unheard || what.unheard;
  before.linked = before.linked && what.linked;
  before.sighted = before.sighted && what.sighted;
  before.extra = before.extra && what.extra;
  before.first = before.first && what.first;
  before.beside = before.beside && what.beside;
  if (what.asked && !std::exchange(before.asked, true)) ++asked_;
  before.tries = std::max(before.tries, what.tries);
  before.rested_for = std::max(before.rested_for, what.rested_for);
  if (what.rests > before.rests) {
    before.rests = what.rests;
    before.rested_at_ns = what.rested_at_ns;
  }
  if (what.order < before.order) {
    open_.erase(open_.find(before.order));
    before.order = what.order;
    open_.insert(before.order);
  }
}

// `all` is to have what was told last.
void DirtyQueue::keep_file(Dirty& all, const Dirty& older) {
  if (older.file.empty() || older.file == all.file) return;
  if (all.file.empty()) {
    all.file = older.file;
    return;
  }
  displaced_.push_back(older);
  if (displaced_.back().order == 0) displaced_.back().order = next_order_++;
  open_.insert(displaced_.back().order);
}

std::vector<Dirty> DirtyQueue::take_displaced() {
  for (const auto& what : displaced_)
    open_.erase(open_.find(what.order));
  return std::exchange(displaced_, {});
}

void DirtyQueue::forget_file(const Place& place, const std::string& file) {
  for_each_known_at(place, [&](Dirty& what) {
    if (what.file == file) what.file.clear();
  });
}

template <class See>
void DirtyQueue::for_each_known_at(const Place& place, const See& see) {
  for_each_at(turns_, place, [&](const auto& one) { see(waiting_.at(one.second)); });
  for (auto* list : {&aside_, &unnamed_})
    for_each_at(*list, place, [&](auto& one) { see(one.second); });
  for_each_at(rest_, place, [&](const auto& one) {
    const auto [first, last] = resting_.equal_range(one.second);
    see(std::find_if(first, last, [&](const auto& other) { return other.second.place == one.first; })->second);
  });
}

void DirtyQueue::rename(const Place& from, const Place& to, std::uint64_t order) {
  const auto open = oldest_at(from);
  if (order == 0 || (open != 0 && open < order)) order = open;
  const auto known = turns_.find(from);
  if (known == turns_.end() || !waiting_.at(known->second).unheard) add({.place = to, .renamed_from = from});
  // What waits for one of them already would be sent before the rename.
  for (const auto& place : {to, from}) {
    Dirty after{.place = place, .order = order, .deep = true};
    if (const auto at = turns_.find(place); at != turns_.end()) {
      after = take_out(waiting_.find(at->second));
      after.deep = true;
      if (order != 0) after.order = std::min(after.order, order);
    }
    add(std::move(after));
  }
  move_known(from, to);
}

// Which content has changed is nothing that a look would find: another time of the file need not come with it.
void DirtyQueue::move_known(const Place& from, const Place& to) {
  std::vector<Dirty> known;
  for_each_known_at(from, [&](Dirty& what) {
    auto file = std::exchange(what.file, {}); // which has another name now
    if (!what.content && !what.open && file.empty()) return;
    known.push_back({.place = moved(what.place, from, to),
                     .order = what.order,
                     .content = what.content || what.open,
                     .wanted = what.wanted,
                     .open = what.open && !what.content,
                     .tries = what.tries,
                     .file = std::move(file)});
  });
  for (auto& what : known)
    add(std::move(what));
}

void DirtyQueue::await_sight(Dirty what) {
  if (what.order == 0) what.order = next_order_++;
  open_.insert(what.order);
  unsighted_.push_back(std::move(what));
}

void DirtyQueue::walk(Dirty what) {
  if (const auto known = walk_.find(what.place); known != walk_.end()) {
    open_.erase(open_.find(known->second.order));
    what.order = std::min(what.order, known->second.order);
    what.deep = what.deep || known->second.deep;
    if (what.deep) what.names.reset();
    walk_.erase(known);
  }
  open_.insert(what.order);
  walk_.emplace(what.place, std::move(what));
}

// What lies below a folder stands behind it.
std::optional<Dirty> DirtyQueue::take_walk() {
  if (walk_.empty()) return std::nullopt;
  auto what = std::move(walk_.extract(std::prev(walk_.end())).mapped());
  open_.erase(open_.find(what.order));
  return what;
}

void DirtyQueue::sighted() {
  for (auto& what : std::exchange(unsighted_, {})) {
    open_.erase(open_.find(what.order));
    what.sighted = true;
    add(std::move(what));
  }
}

void DirtyQueue::await_names(Dirty what) {
  if (what.order == 0) what.order = next_order_++;
  what.sought = false;
  if (const auto known = unnamed_.find(what.place); known != unnamed_.end()) {
    const auto& before = known->second;
    open_.erase(open_.find(before.order));
    what.order = std::min(what.order, before.order);
    what.content = what.content || before.content;
    what.wanted = what.wanted || before.wanted;
    what.open = what.open && before.open;
    keep_file(what, before);
    unnamed_.erase(known);
  }
  open_.insert(what.order);
  unnamed_.emplace(what.place, std::move(what));
}

std::vector<Place> DirtyQueue::seek() {
  std::vector<Place> places;
  for (auto& [place, what] : unnamed_) {
    what.sought = true;
    places.push_back(place);
  }
  return places;
}

bool DirtyQueue::release(std::size_t most) {
  bool more = false;
  for (auto at = unnamed_.begin(); at != unnamed_.end() && !more;) {
    if (!at->second.sought) {
      ++at;
      continue;
    }
    more = most-- == 0;
    if (more) break;
    auto what = std::move(at->second);
    at = unnamed_.erase(at);
    open_.erase(open_.find(what.order));
    add(std::move(what));
  }
  return more;
}

Dirty DirtyQueue::waiting_at(const Place& place) const {
  Dirty all{.place = place};
  const auto see = [&](const Dirty& what) {
    if (what.order != 0 && (all.order == 0 || what.order < all.order)) all.order = what.order;
    all.content = all.content || what.content || what.open;
  };
  if (const auto at = turns_.find(place); at != turns_.end()) see(waiting_.at(at->second));
  for (const auto* list : {&aside_, &unnamed_})
    if (const auto at = list->find(place); at != list->end()) see(at->second);
  if (const auto at = resting_at(place); at != resting_.end()) see(at->second);
  return all;
}

bool DirtyQueue::is_new(const Place& place) const {
  if (unnamed_.contains(place)) return true;
  const auto known = turns_.find(place);
  return known != turns_.end() && waiting_.at(known->second).unheard;
}

void DirtyQueue::add_later(Dirty what, Time when) {
  if (what.order == 0) what.order = next_order_++;
  open_.insert(what.order);
  later_.emplace(when, std::move(what));
}

void DirtyQueue::let_rest(Dirty what, Time when) {
  // The first stands, or one that is written to all the time would never have its turn; but a flush has just looked.
  if (const auto known = resting_at(what.place); known != resting_.end()) {
    const bool flushed = what.rested_for > known->second.rested_for;
    if (!flushed) when = known->first;
    auto before = take_rest(known);
    if (before.order == 0 || (what.order != 0 && what.order < before.order)) before.order = what.order;
    before.wanted = before.wanted || what.wanted;
    before.linked = before.linked && what.linked;
    if (flushed) {
      before.rested_for = what.rested_for;
      before.rested_at_ns = what.rested_at_ns;
    }
    keep_file(what, before);
    before.file = std::move(what.file);
    what = std::move(before);
  }
  if (what.order != 0) open_.insert(what.order);
  rest_[what.place] = when;
  resting_.emplace(when, std::move(what));
}

DirtyQueue::Resting::const_iterator DirtyQueue::resting_at(const Place& place) const {
  const auto known = rest_.find(place);
  if (known == rest_.end()) return resting_.end();
  const auto [first, last] = resting_.equal_range(known->second);
  return std::find_if(first, last, [&](const auto& one) { return one.second.place == place; });
}

Dirty DirtyQueue::take_rest(Resting::const_iterator at) {
  auto what = std::move(resting_.extract(at).mapped());
  rest_.erase(what.place);
  if (what.order != 0) open_.erase(open_.find(what.order));
  return what;
}

void DirtyQueue::wake() {
  for (auto at = resting_.begin(); at != resting_.end();) {
    const auto next = std::next(at);
    if (!at->second.linked) {
      auto what = take_rest(at);
      what.rested_at_ns = 0; // some of them for a moment only
      add(std::move(what));
    }
    at = next;
  }
}

// It is closed: what was to be waited for until then is waited for in this.
void DirtyQueue::join_rest(Dirty& what) {
  const auto at = resting_at(what.place);
  if (at == resting_.end()) return;
  const auto before = take_rest(at);
  what.wanted = what.wanted || before.wanted;
  keep_file(what, before);
  if (before.order != 0) what.order = std::min(what.order, before.order);
}

void DirtyQueue::set_aside(Dirty what) {
  if (const auto known = aside_.find(what.place); known != aside_.end()) {
    keep_file(what, known->second);
    known->second.file = what.file;
  }
  open_.insert(what.order);
  const auto [at, fresh] = aside_.try_emplace(what.place, what);
  if (fresh) return;
  auto& before = at->second;
  open_.erase(open_.find(std::max(before.order, what.order)));
  before.order = std::min(before.order, what.order);
  before.tries = std::max(before.tries, what.tries);
  before.open = before.open && what.open;
}

std::optional<Dirty> DirtyQueue::take_aside() {
  if (aside_.empty()) return std::nullopt;
  auto at = aside_.upper_bound(latest_aside_);
  if (at == aside_.end()) at = aside_.begin();
  latest_aside_ = at->first;
  auto what = std::move(at->second);
  aside_.erase(at);
  open_.erase(open_.find(what.order));
  return what;
}

std::optional<Dirty> DirtyQueue::take(Time now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    auto due = std::move(later_.extract(later_.begin()).mapped());
    open_.erase(open_.find(due.order));
    add(std::move(due));
  }
  while (!resting_.empty() && resting_.begin()->first <= now)
    add(take_rest(resting_.begin()));
  if (waiting_.empty()) return std::nullopt;
  return take_out(waiting_.begin());
}

std::optional<Time> DirtyQueue::next(Time now) const {
  if (!waiting_.empty()) return now;
  std::optional<Time> first;
  for (const auto* list : {&later_, &resting_})
    if (!list->empty()) first = std::min(first.value_or(list->begin()->first), list->begin()->first);
  return first;
}

std::uint64_t DirtyQueue::oldest_at(const Place& place) const {
  std::uint64_t oldest = 0;
  const auto see = [&](const Dirty& what) {
    if (what.order != 0 && lies_at(what.place, place) && (oldest == 0 || what.order < oldest)) oldest = what.order;
  };
  for_each_at(turns_, place, [&](const auto& one) { see(waiting_.at(one.second)); });
  for_each_at(aside_, place, [&](const auto& one) { see(one.second); });
  for (const auto* list : {&later_, &resting_})
    for (const auto& [when, what] : *list)
      see(what);
  for (const auto* list : {&walk_, &unnamed_})
    for_each_at(*list, place, [&](const auto& one) { see(one.second); });
  for (const auto& what : unsighted_)
    see(what);
  return oldest;
}

std::uint64_t DirtyQueue::oldest() const {
  return open_.empty() ? next_order_ : *open_.begin();
}

void DirtyQueue::clear() {
  waiting_.clear();
  turns_.clear();
  later_.clear();
  resting_.clear();
  rest_.clear();
  aside_.clear();
  unsighted_.clear();
  walk_.clear();
  unnamed_.clear();
  displaced_.clear();
  open_.clear();
  asked_ = 0;
}

} // namespace tandem::replication::stream
