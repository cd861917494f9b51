#include "replication/files/dirty_queue.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

void DirtyQueue::put(Dirty what) {
  const auto turn = next_turn_++;
  if (!what.renamed_from) turns_[what.place] = turn;
  open_.insert(what.order);
  waiting_.emplace(turn, std::move(what));
}

Dirty DirtyQueue::take_out(Waiting::iterator at) {
  auto what = std::move(at->second);
  if (!what.renamed_from) turns_.erase(what.place);
  open_.erase(open_.find(what.order));
  waiting_.erase(at);
  return what;
}

void DirtyQueue::add(Dirty what) {
  if (what.order == 0) what.order = next_order_++;
  const auto known = turns_.find(what.place);
  if (what.renamed_from || known == turns_.end()) return put(std::move(what));
  auto& before = waiting_.at(known->second);
  before.content = before.content || what.content;
  before.wanted = before.wanted || what.wanted;
  before.deep = before.deep || what.deep;
  before.open = before.open && what.open;
  before.unheard = before.unheard || what.unheard;
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

void DirtyQueue::rename(const Place& from, const Place& to) {
  const auto known = turns_.find(from);
  if (known == turns_.end() || !waiting_.at(known->second).unheard) add({.place = to, .renamed_from = from});
  // What waits for one of them already would be sent before the rename.
  for (const auto& place : {to, from}) {
    Dirty after{.place = place, .deep = true};
    if (const auto at = turns_.find(place); at != turns_.end()) {
      after = take_out(waiting_.find(at->second));
      after.deep = true;
    }
    add(std::move(after));
  }
}

void DirtyQueue::add_later(Dirty what, Time when) {
  if (what.order == 0) what.order = next_order_++;
  open_.insert(what.order);
  later_.emplace(when, std::move(what));
}

void DirtyQueue::let_rest(Dirty what, Time when) {
  what.order = 0; // a new one when it is its turn
  if (rest_.insert(what.place).second) resting_.emplace(when, std::move(what));
}

std::optional<Dirty> DirtyQueue::take(Time now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    auto due = std::move(later_.extract(later_.begin()).mapped());
    open_.erase(open_.find(due.order));
    add(std::move(due));
  }
  while (!resting_.empty() && resting_.begin()->first <= now) {
    auto due = std::move(resting_.extract(resting_.begin()).mapped());
    rest_.erase(due.place);
    add(std::move(due));
  }
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

std::uint64_t DirtyQueue::oldest() const {
  return open_.empty() ? next_order_ : *open_.begin();
}

void DirtyQueue::clear() {
  waiting_.clear();
  turns_.clear();
  later_.clear();
  resting_.clear();
  rest_.clear();
  open_.clear();
}

} // namespace tandem::replication::stream
