#include "replication/files/sender.hpp"

#include <fmt/format.h>

#include <algorithm>

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
constexpr auto again_after_refusal = 1s;
constexpr std::size_t most_waiting = 200'000; // beyond that the folders themselves say what has changed
constexpr std::size_t most_sent_at_once = 16;
constexpr auto again_after_unequal =
    100ms;                             // while something keeps two trees unequal they are not compared all the time
constexpr int places_for_a_piece = 16; // a large file goes on, however many small ones come

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
    queue_.rename(*from, *to);
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
  const auto order = queue_.oldest();
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
    const auto order = want->order == 0 ? std::max<std::uint64_t>(settled_, 1) : want->order;
    Dirty what{.place = want->place, .order = order, .content = true, .wanted = true, .deep = want->deep};
    if (want->deep)
      queue_.add_later(std::move(what), now + again_after_unequal);
    else
      queue_.add(std::move(what));
    return {};
  }
  if (const auto* refused = std::get_if<Refused>(&message)) {
    if (refused->place.root >= roots_.size()) return fail(ErrorKind::invalid, "the other server knows another folder");
    problem_ = roots_[refused->place.root].tree.path() + "/" + refused->place.path + ": " + refused->why;
    refused_since_mark_ = true;
    const auto order = refused->order == 0 ? std::max<std::uint64_t>(settled_, 1) : refused->order;
    queue_.add_later({.place = refused->place, .order = order, .content = true, .wanted = true},
                     now + again_after_refusal);
    return {};
  }
  if (const auto* stop = std::get_if<Stop>(&message))
    return fail(stop->guard ? ErrorKind::refused : ErrorKind::failed, stop->why);
  const auto* done = std::get_if<Done>(&message);
  if (done == nullptr || done->number != open_mark_)
    return fail(ErrorKind::invalid, "the other server answers nothing");
  open_mark_ = 0;
  const bool all = !refused_since_mark_ && oldest_open() >= mark_for_;
  if (all) settled_ = std::max(settled_, mark_for_);
  if (all && mark_is_durable_) durable_settled_ = std::max(durable_settled_, mark_for_);
  if (mark_is_durable_ && !sent_since_mark_) undurable_ = false;
  if (!refused_since_mark_) problem_.clear();
  return {};
}

// ---- marks

std::uint64_t Sender::oldest_open() const {
  auto oldest = queue_.oldest();
  for (const auto& transfer : transfers_)
    oldest = std::min(oldest, transfer.what.order);
  for (const auto& what : large_)
    oldest = std::min(oldest, what.order);
  return oldest;
}

std::uint64_t Sender::barrier(bool durable) {
  wanted_barrier_ = std::max(wanted_barrier_, queue_.next_order());
  if (durable) wanted_durable_ = wanted_barrier_;
  return wanted_barrier_;
}

bool Sender::mark_is_due() const {
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
  if (!outbox_.empty() || mark_is_due()) return now;
  if (held_) return std::nullopt;
  return transfers_.empty() ? queue_.next(now) : now;
}

Result<std::optional<std::string>> Sender::next(Time now) {
  if (outbox_.empty() && mark_is_due()) send_mark();
  while (outbox_.empty() && !held_) {
    const bool piece_first = !transfers_.empty() && since_piece_ >= places_for_a_piece;
    auto what = piece_first ? std::nullopt : queue_.take(now);
    if (what) {
      ++since_piece_;
      TANDEM_CHECK(process(std::move(*what), now));
    } else if (!transfers_.empty()) {
      since_piece_ = 0;
      TANDEM_CHECK(send_piece());
    } else {
      looking_again_ = false;
      break;
    }
  }
  if (outbox_.empty() && mark_is_due()) send_mark();
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
  if (!node.exists || node.type == FileType::other) {
    if (what.place.path.empty()) return failed("the folder " + root.tree.path() + " is gone");
    send(Remove{.place = what.place});
    return {};
  }
  if (node.type == FileType::regular) return process_file(std::move(what), node, now);
  send(Offer{.place = what.place, .order = what.order, .node = node});
  return what.deep && node.type == FileType::folder ? send_below(what) : Result<void>();
}

Result<void> Sender::process_file(Dirty what, const Node& node, Time now) {
  // Not waited for by flush: when it is closed that will be told. One that never comes to rest is sent now and then.
  if (what.open && what.rests < most_rests && what.rested_at_ns != node.modified_ns) {
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
  if (what.wanted) return begin_transfer(what);
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
  send(Names{.place = what.place, .names = std::move(*names)});
  return {};
}

// ---- large files

Result<void> Sender::begin_transfer(const Dirty& what) {
  if (transfers_.size() >= most_sent_at_once) {
    large_.push_back(what);
    return {};
  }
  auto file = roots_.at(what.place.root).tree.open_file(what.place.path);
  if (!file && file.error().kind == ErrorKind::not_found) {
    queue_.add(what);
    return {};
  }
  if (!file) return std::unexpected(std::move(file).error());
  std::erase_if(transfers_, [&](const Transfer& transfer) {
    const bool same = transfer.what.place == what.place;
    if (same) send(Drop{.transfer = transfer.number});
    return same;
  });
  TANDEM_TRY(auto node, system::look_at(file->get()));
  const auto number = next_transfer_++;
  send(Begin{.transfer = number, .place = what.place});
  transfers_.push_back({.number = number, .what = what, .file = std::move(*file), .node = std::move(node)});
  return {};
}

Result<void> Sender::send_piece() {
  auto& transfer = transfers_.front();
  const auto left = transfer.node.size - std::min(transfer.offset, transfer.node.size);
  TANDEM_TRY(auto bytes,
             system::read_piece(transfer.file.get(), transfer.offset, std::min<std::uint64_t>(left, piece_size)));
  if (bytes.empty()) {
    end_transfer();
    return {};
  }
  const auto offset = transfer.offset;
  transfer.offset += bytes.size();
  send(Piece{.transfer = transfer.number, .offset = offset, .bytes = std::move(bytes)});
  transfers_.splice(transfers_.end(), transfers_, transfers_.begin()); // one after the other has its turn
  return {};
}

// What changed while it was read is begun anew.
void Sender::end_transfer() {
  auto transfer = std::move(transfers_.front());
  transfers_.pop_front();
  if (!large_.empty()) {
    queue_.add(std::move(large_.front()));
    large_.pop_front();
  }
  const auto now = system::look_at(transfer.file.get());
  const auto there = roots_.at(transfer.what.place.root).tree.look(transfer.what.place.path);
  if (now && there && *now == *there && same_content(*now, transfer.node))
    return send(End{.transfer = transfer.number, .node = *now});
  send(Drop{.transfer = transfer.number});
  // Somebody writes to it, or another one is there by now: what was closed then is gone.
  auto again = transfer.what;
  again.open = true;
  again.wanted = false;
  again.rests = 0;
  queue_.let_rest(std::move(again), {});
}

} // namespace tandem::replication::stream
