#include "replication/files/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

using system::ChangeKind;
using system::FileType;
using system::Node;
using namespace std::chrono_literals;

// What nobody has closed yet is sent once it has rested so long: it may have come without a close that would be told
// (linkat(2), truncate(2)), or be held open for days.
constexpr auto rest = 1s;
constexpr int most_rests = 20;
constexpr int most_rests_of_a_large = 600;
constexpr auto again_after_refusal = 1s;
constexpr std::size_t most_waiting = 200'000; // beyond that the folders themselves say what has changed
constexpr std::size_t most_sent_at_once = 16;
// While something keeps two trees unequal they are not compared all the time.
constexpr auto again_after_unequal = 100ms;
constexpr int places_for_a_piece = 16;                         // a large file goes on, however many small ones come
constexpr int most_tries = 3;                                  // to send a large file that changes meanwhile
constexpr std::size_t names_at_once = std::size_t{256} << 10U; // bytes of them in a message

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string below(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

bool same_content(const Node& one, const Node& other) {
  return one.size == other.size && one.modified_ns == other.modified_ns;
}

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
  if (!place.path.empty()) queue_.add({.place = {place.root, parent_of(place.path)}});
}

void Sender::renamed(const system::FileChange& change) {
  const auto from = place_of(change.from);
  const auto to = place_of(change.path);
  const bool came_from = goes_over(from, change.folder);
  const bool goes_to = goes_over(to, change.folder);
  if (came_from && goes_to) {
    std::uint64_t order = 0;
    for (const auto& transfer : transfers_)
      if (lies_at(transfer.what.place, *from) && (order == 0 || transfer.what.order < order))
        order = transfer.what.order;
    queue_.rename(*from, *to, order);
  } else {
    if (goes_to) queue_.add({.place = *to, .content = true, .deep = true}); // new to the standby
    if (came_from) queue_.add({.place = *from, .deep = true});
  }
  for (const auto& place : {from, to})
    if (place) around(*place);
}

void Sender::changed_one(const system::FileChange& change) {
  if (change.kind == ChangeKind::overflow) return look_again();
  if (change.kind == ChangeKind::renamed) return renamed(change);
  const auto place = place_of(change.path);
  if (!place) return;
  if (change.kind == ChangeKind::made || change.kind == ChangeKind::removed) around(*place);
  if (!goes_over(place, change.folder)) return;
  queue_.add({.place = *place,
              .content = change.kind == ChangeKind::written,
              // One of the same name may have gone before, of whose content the kernel tells nothing any more.
              .deep = change.folder && change.kind != ChangeKind::altered,
              .open = !change.folder && (change.kind == ChangeKind::made || change.kind == ChangeKind::growing),
              .unheard = change.kind == ChangeKind::made});
}

void Sender::changed(const std::vector<system::FileChange>& changes) {
  for (const auto& change : changes)
    changed_one(change);
  if (!changes.empty() && queue_.size() > most_waiting && !looking_again_) look_again();
}

// Once at a time: the walk itself fills the queue. What was waited for so far is waited for now in this.
void Sender::look_again() {
  const auto order = queue_.oldest() < queue_.next_order() ? queue_.oldest() : 0;
  queue_.clear();
  looking_again_ = true;
  for (std::size_t index = 0; index < roots_.size(); ++index)
    queue_.add({.place = {static_cast<std::uint16_t>(index), ""}, .order = order, .deep = true});
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
    Dirty what{.place = want->place, .order = order, .content = true, .wanted = true, .deep = want->deep};
    if (want->deep)
      queue_.add_later(std::move(what), now + (problem_.empty() ? again_after_unequal : again_after_refusal));
    else
      queue_.add(std::move(what));
    return {};
  }
  if (const auto* no = std::get_if<Refused>(&message)) return refused(*no, now);
  if (const auto* fewer = std::get_if<Removed>(&message)) {
    if (fewer->root >= roots_.size()) return fail(ErrorKind::invalid, "the other server knows another folder");
    removed_[roots_[fewer->root].tree.path()] = fewer->count;
    return {};
  }
  if (const auto* stop = std::get_if<Stop>(&message))
    return fail(stop->guard ? ErrorKind::refused : ErrorKind::failed, stop->why);
  const auto* done = std::get_if<Done>(&message);
  if (done == nullptr || done->number != open_mark_)
    return fail(ErrorKind::invalid, "the other server answers nothing");
  return answered(*done, now);
}

Result<void> Sender::refused(const Refused& refused, Time now) {
  if (refused.place.root >= roots_.size()) return fail(ErrorKind::invalid, "the other server knows another folder");
  problem_ = roots_[refused.place.root].tree.path() + "/" + refused.place.path + ": " + refused.why;
  refused_since_mark_ = true;
  queue_.add_later(
      {.place = refused.place, .order = std::max<std::uint64_t>(refused.order, 1), .content = true, .wanted = true},
      now + again_after_refusal);
  return {};
}

Result<void> Sender::answered(const Done& done, Time now) {
  open_mark_ = 0;
  const bool durable = mark_is_durable_ && done.durable;
  if (mark_is_durable_ && !durable) mark_not_before_ = now + again_after_refusal;
  const bool all = !refused_since_mark_ && oldest_open() >= mark_for_;
  if (all) settled_ = std::max(settled_, mark_for_);
  if (all && durable) durable_settled_ = std::max(durable_settled_, mark_for_);
  if (durable && !sent_since_mark_) undurable_ = false;
  if (!refused_since_mark_) problem_.clear();
  return {};
}

// ---- marks

std::uint64_t Sender::oldest_open() const {
  auto oldest = queue_.oldest();
  for (const auto& transfer : transfers_)
    oldest = std::min(oldest, transfer.what.order);
  return oldest;
}

std::uint64_t Sender::barrier(bool durable) {
  wanted_barrier_ = std::max(wanted_barrier_, queue_.next_order());
  if (durable) wanted_durable_ = wanted_barrier_;
  return wanted_barrier_;
}

bool Sender::mark_is_wanted() const {
  if (open_mark_ != 0) return false;
  if (held_) return sent_since_mark_ || undurable_;
  const bool wanted = wanted_barrier_ > settled_ || wanted_durable_ > durable_settled_;
  return wanted && oldest_open() >= wanted_barrier_;
}

void Sender::send_mark() {
  open_mark_ = next_mark_++;
  mark_for_ = held_ ? 0 : wanted_barrier_;
  refused_since_mark_ = false;
  mark_is_durable_ = held_ || wanted_durable_ > durable_settled_;
  outbox_.push_back(encode(Mark{.number = open_mark_, .durable = mark_is_durable_}));
  sent_since_mark_ = false;
}

// ---- sending

std::optional<Time> Sender::next_time(Time now) const {
  if (!outbox_.empty()) return now;
  if (mark_is_wanted()) return std::max(now, mark_not_before_);
  if (held_) return std::nullopt;
  return transfers_.empty() && !queue_.has_aside() ? queue_.next(now) : now;
}

Result<std::optional<std::string>> Sender::next(Time now) {
  const auto mark = [&] {
    if (outbox_.empty() && mark_is_wanted() && now >= mark_not_before_) send_mark();
  };
  mark();
  while (outbox_.empty() && !held_) {
    const bool piece_first = !transfers_.empty() && since_piece_ >= places_for_a_piece;
    auto what = piece_first ? std::nullopt : queue_.take(now);
    if (what) {
      ++since_piece_;
      TANDEM_CHECK(process(std::move(*what), now));
      continue;
    }
    if (!piece_first) looking_again_ = false; // nothing waits any more
    if (transfers_.size() < most_sent_at_once && queue_.has_aside()) {
      TANDEM_CHECK(begin_transfer(*queue_.take_aside()));
    } else if (!transfers_.empty()) {
      since_piece_ = 0;
      TANDEM_CHECK(send_piece(now));
    } else {
      break;
    }
  }
  mark();
  if (outbox_.empty()) return std::nullopt;
  auto bytes = std::move(outbox_.front());
  outbox_.pop_front();
  return bytes;
}

Result<void> Sender::process(Dirty what, Time now) {
  if (what.renamed_from) {
    send(Rename{.from = *what.renamed_from, .to = what.place, .order = what.order});
    return {};
  }
  const auto& root = roots_.at(what.place.root);
  TANDEM_TRY(const Node node, root.tree.look(what.place.path));
  if (root.patterns.leave_out(what.place.path, !node.exists || node.type == FileType::folder)) return {};
  if (!node.exists) {
    if (what.place.path.empty()) return failed("the folder " + root.tree.path() + " is gone");
    TANDEM_TRY(const bool with_folder, left_with_its_folder(what.place));
    if (!with_folder) send(Remove{.place = what.place});
    return {};
  }
  if (node.type == FileType::regular) return process_file(std::move(what), node, now);
  send(Offer{.place = what.place, .order = what.order, .node = node});
  return what.deep && node.type == FileType::folder ? send_below(what) : Result<void>();
}

// The folder around it has gone as well, or has another name by now: what is told of that says all. A removal here
// would take from the standby what is about to be renamed there.
Result<bool> Sender::left_with_its_folder(const Place& place) const {
  const auto folder = parent_of(place.path);
  if (folder.empty()) return false;
  TANDEM_TRY(const auto around, roots_.at(place.root).tree.look(folder));
  return !around.exists || around.type != FileType::folder;
}

Result<void> Sender::process_file(Dirty what, const Node& node, Time now) {
  // Not waited for by flush: when it is closed that will be told. One that never comes to rest is sent now and then.
  const int patience = node.size > largest_whole ? most_rests_of_a_large : most_rests;
  if (what.open && what.rests < patience && what.rested_at_ns != node.modified_ns) {
    what.rested_at_ns = node.modified_ns;
    // Flush waits for the first rest of a new name, which may have come whole and closed.
    if (what.rests++ == 0 && what.unheard)
      queue_.add_later(std::move(what), now + rest);
    else
      queue_.let_rest(std::move(what), now + rest);
    return {};
  }
  if (what.open) what.content = true;
  if (what.content && node.size <= largest_whole) return send_whole(what, now);
  if (what.wanted) return begin_transfer(std::move(what));
  send(Offer{.place = what.place, .order = what.order, .node = node});
  return {};
}

Result<void> Sender::send_whole(const Dirty& what, Time now) {
  auto file = roots_.at(what.place.root).tree.open_file(what.place.path);
  if (!file && file.error().kind == ErrorKind::not_found) {
    queue_.add(what); // it became something else in between, and is looked at anew
    return {};
  }
  if (!file) return std::unexpected(std::move(file).error());
  TANDEM_TRY(const auto before, system::look_at(file->get()));
  TANDEM_TRY(auto content, system::read_piece(file->get(), 0, largest_whole + 1));
  TANDEM_TRY(const auto after, system::look_at(file->get()));
  if (!same_content(before, after) || content.size() != before.size) {
    // Somebody writes to it, who will close it, too. What it was when it was last closed is gone.
    auto again = what;
    again.open = true;
    queue_.let_rest(std::move(again), now + rest);
    return {};
  }
  send(Put{.place = what.place, .order = what.order, .node = after, .content = std::move(content)});
  return {};
}

// Its names first, so that what is not there any more goes before anything of the same name comes; files are offered.
Result<void> Sender::send_below(const Dirty& what) {
  const auto& root = roots_.at(what.place.root);
  auto names = root.tree.list(what.place.path);
  if (!names && names.error().kind == ErrorKind::not_found) {
    queue_.add(what);
    return {};
  }
  if (!names) return std::unexpected(std::move(names).error());
  for (const auto& name : *names)
    queue_.add({.place = {what.place.root, below(what.place.path, name)}, .order = what.order, .deep = true});
  send_names(what.place, std::move(*names));
  return {};
}

// In stretches, each of a size that the other end takes.
void Sender::send_names(const Place& place, std::vector<std::string> names) {
  Names part{.place = place, .after = {}, .until = {}, .names = {}};
  std::size_t bytes = 0;
  for (auto& name : names) {
    if (bytes > names_at_once) {
      part.until = part.names.back();
      Names rest{.place = place, .after = part.until, .until = {}, .names = {}};
      send(std::exchange(part, std::move(rest)));
      bytes = 0;
    }
    bytes += name.size();
    part.names.push_back(std::move(name));
  }
  send(part);
}

// ---- large files

Result<void> Sender::begin_transfer(Dirty what) {
  auto file = roots_.at(what.place.root).tree.open_file(what.place.path);
  if (!file && file.error().kind == ErrorKind::not_found) {
    queue_.add(std::move(what));
    return {};
  }
  if (!file) return std::unexpected(std::move(file).error());
  TANDEM_TRY(auto node, system::look_at(file->get()));
  TANDEM_TRY(const bool under_way, is_under_way(what, node));
  if (under_way) return {};
  if (transfers_.size() >= most_sent_at_once) {
    queue_.set_aside(std::move(what));
    return {};
  }
  const auto number = next_transfer_++;
  send(Begin{.transfer = number, .place = what.place});
  transfers_.push_back({.number = number, .what = std::move(what), .file = std::move(*file), .node = std::move(node)});
  return {};
}

// The one that runs goes on, with the lower order of the two, since flush waits for the older. Of a file that was
// replaced by another the rest is of no use.
Result<bool> Sender::is_under_way(const Dirty& what, const Node& node) {
  const auto running =
      std::ranges::find_if(transfers_, [&](const Transfer& one) { return one.what.place == what.place; });
  if (running == transfers_.end()) return false;
  running->what.order = std::min(what.order, running->what.order);
  TANDEM_TRY(const auto read, system::look_at(running->file.get()));
  if (read == node) {
    running->again = running->again || !same_content(node, running->node);
    return true;
  }
  auto other = running->what;
  send(Drop{.transfer = running->number});
  transfers_.erase(running);
  queue_.add(std::move(other));
  return true;
}

Result<void> Sender::send_piece(Time now) {
  auto& transfer = transfers_.front();
  const auto left = transfer.node.size - std::min(transfer.offset, transfer.node.size);
  TANDEM_TRY(auto bytes,
             system::read_piece(transfer.file.get(), transfer.offset, std::min<std::uint64_t>(left, piece_size)));
  if (bytes.empty()) {
    end_transfer(now);
    return {};
  }
  const auto offset = transfer.offset;
  transfer.offset += bytes.size();
  send(Piece{.transfer = transfer.number, .offset = offset, .bytes = std::move(bytes)});
  transfers_.splice(transfers_.end(), transfers_, transfers_.begin()); // one after the other has its turn
  return {};
}

// What changed while it was read is begun anew. One that does so each time goes as it was read, as rsync would send it,
// and once more after that.
void Sender::end_transfer(Time time) {
  const auto transfer = std::move(transfers_.front());
  transfers_.pop_front();
  const auto now = system::look_at(transfer.file.get());
  const auto there = roots_.at(transfer.what.place.root).tree.look(transfer.what.place.path);
  const bool same_file = now && there && *now == *there;
  if (same_file && same_content(*now, transfer.node)) return send(End{.transfer = transfer.number, .node = *now});
  if (!same_file) {
    send(Drop{.transfer = transfer.number});
    return queue_.add(transfer.what);
  }
  if (transfer.what.tries < most_tries) {
    send(Drop{.transfer = transfer.number});
    return try_again(transfer, time);
  }
  auto as_read = *now;
  as_read.size = transfer.offset;
  as_read.modified_ns = transfer.node.modified_ns;
  send(End{.transfer = transfer.number, .node = as_read});
  auto later = transfer.what;
  later.open = true;
  later.wanted = false;
  later.rests = later.tries = 0;
  queue_.let_rest(std::move(later), time + rest);
}

// One that nobody has closed since: what it was when it was last closed is gone, so nobody waits for it.
void Sender::try_again(const Transfer& transfer, Time now) {
  auto again = transfer.what;
  ++again.tries;
  if (transfer.again) return queue_.add(std::move(again));
  again.open = true;
  again.wanted = false;
  again.rests = 0;
  const auto pause = rest * (1 << again.tries);
  queue_.let_rest(std::move(again), now + pause);
}

} // namespace tandem::replication::stream
