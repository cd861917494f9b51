#include "replication/files/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

using system::ChangeKind;
using namespace std::chrono_literals;

// While something keeps two trees unequal they are not compared all the time.
constexpr auto again_after_unequal = 100ms;
constexpr int most_steps = 200;                                  // without a word: then its owner is heard again
constexpr std::uint64_t most_compared = std::uint64_t{1} << 20U; // of a large file, likewise
constexpr unsigned verified_of_others = 4; // of the steps that are about no place that has changed
constexpr int places_for_a_piece = 16;     // a large file goes on, however many small ones come

} // namespace

// ---- what has changed

std::optional<Place> Sender::place_of(const std::string& path) const {
  for (std::size_t index = 0; index < roots_.size(); ++index) {
    const auto& root = roots_[index].tree.path();
    if (path != root && !(path.starts_with(root) && path[root.size()] == '/')) continue;
    return Place{static_cast<std::uint16_t>(index), path.size() > root.size() ? path.substr(root.size() + 1) : ""};
  }
  return std::nullopt;
}

bool Sender::goes_over(const std::optional<Place>& place, bool folder) const {
  return place && !roots_[place->root].patterns.leave_out(place->path, folder);
}

// The folder around it has another time now, also when it is left out itself. Behind what changed in it, as a rule, so
// that it is sent once.
void Sender::around(const Place& place) {
  if (!place.path.empty()) queue_.add({.place = folder_of(place)});
}

void Sender::renamed(const system::FileChange& change) {
  const auto from = place_of(change.from);
  const auto to = place_of(change.path);
  const bool came_from = goes_over(from, change.folder);
  const bool goes_to = goes_over(to, change.folder);
  if (to) leave(*to, {});
  if (from && to && goes_to)
    linked_.rename(*from, *to);
  else if (from)
    leave(*from, {});
  if (to) note_name(change.file, *to);
  if (to) search_.moved(*to, change.folder);
  if (change.folder && goes_to && !came_from) elsewhere_.clear();
  if (came_from && goes_to) {
    rename_known(*from, *to);
  } else {
    if (goes_to) queue_.add({.place = *to, .content = true, .deep = true}); // new to the standby
    if (came_from) queue_.add({.place = *from, .deep = true});
    if (from && !goes_to) leave_roots(*from, change.file);
  }
  for (const auto& place : {from, to})
    if (place) around(*place);
}

// What is under way for the old name is so for the new one.
void Sender::rename_known(const Place& from, const Place& to) {
  std::uint64_t order = 0;
  const auto see = [&](std::uint64_t one) {
    if (order == 0 || one < order) order = one;
  };
  for (const auto* offered : {&offered_, &offered_before_mark_}) {
    for_each_at(*offered, from, [&](const auto& one) { see(one.second); });
    if (const auto around = offered->find(folder_of(from)); around != offered->end()) see(around->second);
  }
  if (order != 0) note_behind_mark(order);
  std::vector<Dirty> sent;
  for (auto& transfer : transfers_) {
    if (!lies_at(transfer.what.place, from)) continue;
    see(transfer.what.order);
    sent.push_back({.place = moved(transfer.what.place, from, to),
                    .order = transfer.what.order,
                    .content = true,
                    .wanted = true,
                    .file = std::exchange(transfer.what.file, {})});
  }
  queue_.rename(from, to, order);
  for (auto& what : sent)
    queue_.add(std::move(what));
}

void Sender::changed_one(const system::FileChange& change) {
  if (change.kind == ChangeKind::overflow) return look_again();
  if (change.kind == ChangeKind::renamed) return renamed(change);
  const auto place = place_of(change.path);
  if (!place) return;
  if (change.gone) return changed_elsewhere(*place, change);
  if (change.kind == ChangeKind::made) note_name(change.file, *place);
  if (change.kind == ChangeKind::made || change.kind == ChangeKind::removed) around(*place);
  if (!goes_over(place, change.folder)) return changed_elsewhere(*place, change);
  const bool of_file =
      change.kind == ChangeKind::written || change.kind == ChangeKind::growing || change.kind == ChangeKind::altered;
  queue_.add({.place = *place,
              .content = change.kind == ChangeKind::written,
              .wanted = change.kind == ChangeKind::growing,
              // One of the same name may have gone before, of whose content the kernel tells nothing any more.
              .deep = change.folder && change.kind != ChangeKind::altered,
              .open = !change.folder && (change.kind == ChangeKind::made || change.kind == ChangeKind::growing),
              .unheard = change.kind == ChangeKind::made,
              .file = of_file ? change.file : ""});
}

void Sender::changed(const std::vector<system::FileChange>& changes) {
  for (const auto& change : changes)
    changed_one(change);
  take_displaced();
  if (!changes.empty() && queue_.places() + strays_.size() > bounds_.most_waiting) look_again();
}

// What was waited for so far is waited for now in this.
void Sender::look_again(bool first) {
  auto order = std::min(queue_.oldest(), strays_.oldest().value_or(queue_.next_order()));
  if (order == queue_.next_order()) order = 0;
  queue_.clear();
  strays_.clear();
  linked_.clear();
  search_.clear();
  latest_names_.clear();
  elsewhere_.clear();
  names_found_ = false;
  for (std::size_t index = 0; index < roots_.size(); ++index)
    queue_.add({.place = {static_cast<std::uint16_t>(index), ""}, .order = order, .deep = true, .first = first});
}

void Sender::look_at(const Place& place, bool deep) {
  if (place.root < roots_.size()) queue_.add({.place = place, .deep = deep});
}

std::string Sender::replaced_root() const {
  for (const auto& root : roots_)
    if (!root.tree.is_at_its_path()) return root.tree.path();
  return {};
}

// ---- what the receiver says

Result<void> Sender::take(const Message& message, Time now) {
  if (const auto* want = std::get_if<Want>(&message)) {
    if (want->place.root >= roots_.size()) return fail(ErrorKind::invalid, "the other server wants an unknown folder");
    // Where the order was not given it is older than whatever is waited for.
    const auto order = std::max<std::uint64_t>(want->order, 1);
    note_behind_mark(order);
    const bool content = !want->look && !want->extra;
    Dirty what{.place = want->place,
               .order = order,
               .content = content,
               .wanted = content,
               .deep = want->deep,
               .extra = want->extra,
               .asked = true};
    if (want->deep)
      queue_.add_later(std::move(what), now + (problem_.empty() ? again_after_unequal : again_after_trouble));
    else
      queue_.add(std::move(what));
    return {};
  }
  if (const auto* no = std::get_if<Refused>(&message)) return refused(*no, now);
  if (const auto* listed = std::get_if<Listed>(&message)) {
    if (listed->entries > listed_)
      return fail(ErrorKind::invalid, "the other server has looked at more than there was");
    listed_ -= listed->entries;
    return {};
  }
  if (const auto* took = std::get_if<Took>(&message)) return take_took(*took);
  if (const auto* sums = std::get_if<Sums>(&message)) {
    take_sums(*sums);
    return {};
  }
  if (const auto* fewer = std::get_if<Removed>(&message)) {
    if (fewer->root >= roots_.size()) return fail(ErrorKind::invalid, "the other server knows another folder");
    removed_[roots_[fewer->root].tree.path()] = fewer->count;
    return {};
  }
  if (const auto* stop = std::get_if<Stop>(&message))
    return fail(stop->guard ? ErrorKind::refused : ErrorKind::failed, stop->why);
  if (const auto* checked = std::get_if<Checked>(&message)) return compared(*checked);
  const auto* done = std::get_if<Done>(&message);
  if (done == nullptr || done->number != open_mark_)
    return fail(ErrorKind::invalid, "the other server answers nothing");
  return answered(*done, now);
}

// What was asked before a verification began anew is answered for nobody.
Result<void> Sender::compared(const Checked& checked) {
  if (!verification_) return {};
  TANDEM_TRY(auto differs, verification_->answered(checked, roots_));
  if (!differs) return {};
  queue_.add({.place = folder_of(*differs)}); // it may have been removed there
  queue_.add({.place = std::move(*differs), .content = true, .wanted = true});
  return {};
}

bool Sender::waits_at(const Place& place) const {
  return queue_.rests(place) || queue_.oldest_at(place) != 0 ||
         std::ranges::any_of(transfers_, [&](const Transfer& one) { return one.what.place == place; });
}

void Sender::verify_a_piece(Time now) {
  const auto waits = [this](const Place& place) { return waits_at(place); };
  if (auto check = verification_->step(roots_, now, settled_, waits)) send(*check);
}

Result<void> Sender::refused(const Refused& refused, Time now) {
  if (refused.place.root >= roots_.size()) return fail(ErrorKind::invalid, "the other server knows another folder");
  refused_since_mark_ = true;
  // A delta of content that is another by now is no trouble.
  const bool expected = refused.whole && whole_.insert(refused.place).second;
  const auto why = expected ? "" : refused.why;
  const bool later = is_large(refused.place) && !refused.whole;
  const auto again = now + (later ? bounds_.large_again : again_after_trouble);
  const auto running =
      std::ranges::find_if(transfers_, [&](const Transfer& one) { return one.what.place == refused.place; });
  if (running != transfers_.end())
    drop_transfer(running, why, again);
  else
    trouble({.place = refused.place, .order = refused.order, .extra = refused.extra}, why, again);
  return {};
}

bool Sender::is_large(const Place& place) const {
  const auto node = roots_.at(place.root).tree.look(place.path);
  return node && node->size > largest_whole;
}

// Tried again, and waited for meanwhile. Where no order is known it is older than whatever is waited for. `why`: ""
// when there is nothing to be said.
void Sender::trouble(Dirty what, const std::string& why, Time again) {
  if (!why.empty()) problem_ = roots_.at(what.place.root).tree.path() + "/" + what.place.path + ": " + why;
  refused_since_mark_ = true;
  what.order = std::max<std::uint64_t>(what.order, 1);
  what.content = what.wanted = true;
  queue_.add_later(std::move(what), again);
}

Result<void> Sender::answered(const Done& done, Time now) {
  open_mark_ = 0;
  offered_before_mark_.clear();
  const bool durable = mark_is_durable_ && done.durable;
  if (mark_is_durable_ && !durable) mark_not_before_ = now + again_after_trouble;
  const bool all = !refused_since_mark_ && !behind_mark_ && oldest_open() >= mark_for_;
  if (all) settled_ = std::max(settled_, mark_for_);
  if (all && durable) durable_settled_ = std::max(durable_settled_, mark_for_);
  if (durable && !sent_since_mark_) undurable_ = false;
  if (refused_since_mark_) return {};
  problem_.clear();
  std::erase_if(whole_, [this](const Place& place) { return !waits_at(place); });
  return {};
}

// ---- marks

std::uint64_t Sender::oldest_open() const {
  auto oldest = std::min(queue_.oldest(), strays_.oldest().value_or(queue_.next_order()));
  for (const auto& transfer : transfers_)
    oldest = std::min(oldest, transfer.what.order);
  return oldest;
}

// Of what rests the kernel may tell nothing more: it was cut off, or got another time, by its name.
std::uint64_t Sender::barrier(bool durable) {
  if (durable) queue_.wake();
  wanted_barrier_ = std::max(wanted_barrier_, queue_.next_order());
  if (durable) wanted_durable_ = wanted_barrier_;
  return wanted_barrier_;
}

bool Sender::mark_is_wanted() const {
  if (open_mark_ != 0) return false;
  if (held_) return sent_since_mark_ || undurable_;
  return word_is_wanted() || offered_.size() >= bounds_.most_listed;
}

bool Sender::word_is_wanted() const {
  const bool wanted = wanted_barrier_ > settled_ || wanted_durable_ > durable_settled_;
  return wanted && oldest_open() >= wanted_barrier_;
}

// What is to be sent again of it may be sent before the open mark is answered, and is behind that all the same.
void Sender::note_behind_mark(std::uint64_t order) {
  if (open_mark_ != 0 && order < mark_for_) behind_mark_ = true;
}

void Sender::send_mark() {
  open_mark_ = next_mark_++;
  offered_before_mark_ = std::exchange(offered_, {});
  mark_for_ = !held_ && word_is_wanted() ? wanted_barrier_ : 0;
  refused_since_mark_ = behind_mark_ = false;
  mark_is_durable_ = held_ || (mark_for_ != 0 && wanted_durable_ > durable_settled_);
  outbox_.push_back(encode(Mark{.number = open_mark_, .durable = mark_is_durable_}));
  sent_since_mark_ = false;
}

// ---- sending

std::optional<Time> Sender::next_time(Time now) const {
  if (!outbox_.empty()) return now;
  if (mark_is_wanted()) return std::max(now, mark_not_before_);
  if (held_) return std::nullopt;
  const bool idle = !may_send_piece() && !may_take_aside() && !strays_.has_some() && !may_walk() && !may_seek(now);
  if (!idle) return now;
  auto next = queue_.next(now);
  const auto verify = verification_ ? verification_->next_time() : std::nullopt;
  if (verify && verification_->may_go_on(std::max(now, *verify), settled_))
    next = std::min(next.value_or(*verify), std::max(now, *verify));
  if (awaits_names() && seek_not_before_ > now) next = std::min(next.value_or(seek_not_before_), seek_not_before_);
  return next;
}

Result<std::optional<std::string>> Sender::next(Time now) {
  const auto mark = [&] {
    if (outbox_.empty() && mark_is_wanted() && now >= mark_not_before_) send_mark();
  };
  mark();
  compared_ = 0;
  for (int step = 0; step < most_steps && compared_ < most_compared && outbox_.empty() && !held_; ++step) {
    TANDEM_TRY(const bool done, do_something(now));
    if (!done) break;
  }
  mark();
  if (outbox_.empty()) return std::nullopt;
  auto bytes = std::move(outbox_.front());
  outbox_.pop_front();
  return bytes;
}

// As long as the other end has not looked at what it was told already, folders wait: what it wants of them may be much.
bool Sender::may_walk() const {
  return queue_.has_walk() && listed_ < bounds_.most_listed && queue_.asked() < bounds_.most_listed;
}

// What changed first; but large files and the way through the trees go on, however much that is. False: there is
// nothing to do.
Result<bool> Sender::do_something(Time now) {
  take_displaced();
  if (auto stray = strays_.take()) {
    process_stray(std::move(*stray), now);
    return true;
  }
  const bool verifies = verification_ && verification_->may_go_on(now, settled_);
  const bool others = may_send_piece() || may_walk() || may_seek(now) || verifies;
  const bool others_first = others && since_piece_ >= places_for_a_piece;
  if (auto what = others_first ? std::nullopt : queue_.take(now)) {
    ++since_piece_;
    TANDEM_CHECK(process(std::move(*what), now));
    return true;
  }
  since_piece_ = 0;
  if (verifies && ++others_turn_ % verified_of_others == 0) {
    verify_a_piece(now);
    return true;
  }
  walk_next_ = !walk_next_;
  const bool step = walk_next_ || !may_send_piece();
  if (step && may_walk()) {
    TANDEM_CHECK(process(*queue_.take_walk(), now));
  } else if (step && may_seek(now)) {
    seek_names(now);
  } else if (may_take_aside()) {
    queue_.add(*queue_.take_aside());
  } else if (may_send_piece()) {
    go_on_with_transfer(now);
  } else if (verifies) {
    verify_a_piece(now);
  } else {
    return false;
  }
  return true;
}

} // namespace tandem::replication::stream
