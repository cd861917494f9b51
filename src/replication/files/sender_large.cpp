// Large files: one is begun, has its turns, and ends, beside all that is small.
#include "replication/files/sender.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

using system::Node;
using namespace std::chrono_literals;

// Above, the sums of what is there and what is compared at once take too much memory (system::DeltaJob).
constexpr std::uint64_t largest_compared = std::uint64_t{64} << 30U;

} // namespace

Result<void> Sender::begin_transfer(Dirty what, const system::FileId& seen) {
  const auto& tree = roots_.at(what.place.root).tree;
  auto file = tree.open_file(what.place.path);
  if (!file && file.error().kind == ErrorKind::not_found) {
    queue_.add(std::move(what));
    return {};
  }
  if (!file) return std::unexpected(std::move(file).error());
  TANDEM_TRY(auto node, system::look_at(file->get()));
  if (node.id != seen) {
    queue_.add(std::move(what));
    return {};
  }
  if (is_under_way(what, file->get(), node)) return {};
  if (transfers_.size() >= most_sent_at_once) {
    queue_.set_aside(std::move(what));
    return {};
  }
  const auto number = next_transfer_++;
  // It may have been cut off since it was found to be large: of nothing no sums are said.
  const auto sums_for = whole_.contains(what.place) || node.size > largest_compared ? 0 : node.size;
  send(Begin{.transfer = number, .place = what.place, .sums_for = sums_for});
  transfers_.push_back({.what = std::move(what), .file = {number, std::move(*file), std::move(node), sums_for != 0}});
  return {};
}

// What was told of it meanwhile, and has an order of its own: flush waits for that, too.
void Sender::again_after(Transfer& running, const Dirty& what) {
  if (!running.again) running.again = what;
  auto& again = *running.again;
  again.open = again.open && what.open;
  if (what.order != 0) again.order = again.order == 0 ? what.order : std::min(again.order, what.order);
}

// The one that runs goes on, with the lower order of the two, since flush waits for the older. Of a file that was
// replaced by another the rest is of no use.
bool Sender::is_under_way(const Dirty& what, int file, const Node& node) {
  const auto running =
      std::ranges::find_if(transfers_, [&](const Transfer& one) { return one.what.place == what.place; });
  if (running == transfers_.end()) return false;
  running->what.order = std::min(what.order, running->what.order);
  if (system::is_same_file(running->file.file(), file)) {
    if (!same_content(node, running->file.node())) again_after(*running, what);
  } else {
    send(Drop{.transfer = running->file.number()});
    running->what.open = running->what.open && what.open;
    queue_.add(std::move(running->what));
    transfers_.erase(running);
  }
  return true;
}

// One after the other has its turn.
std::list<Sender::Transfer>::const_iterator Sender::next_transfer() const {
  const bool room = in_flight_ < bounds_.most_in_flight;
  return std::ranges::find_if(transfers_, [&](const Transfer& one) { return one.file.may_go_on(room); });
}

// Its next piece, or its end.
void Sender::go_on_with_transfer(Time now) {
  transfers_.splice(transfers_.end(), transfers_, next_transfer());
  const auto at = std::prev(transfers_.end());
  if (at->file.is_read()) return end_transfer(at, now);
  auto piece = at->file.next();
  if (!piece) {
    whole_.insert(at->what.place);
    return drop_transfer(at, piece.error().message, now + bounds_.large_again);
  }
  if (!*piece) {
    compared_ += piece_size;
    return;
  }
  in_flight_ += (*piece)->bytes.size();
  send(std::move(**piece));
}

Result<void> Sender::take_took(const Took& took) {
  if (took.bytes > in_flight_) return fail(ErrorKind::invalid, "the other server has written more than there was");
  in_flight_ -= took.bytes;
  const auto transfer = transfer_of(took.transfer);
  return transfer == transfers_.end() ? Result<void>() : transfer->file.take(took);
}

void Sender::take_sums(const Sums& sums) {
  const auto transfer = transfer_of(sums.transfer);
  if (transfer != transfers_.end()) transfer->file.take(sums);
}

// Its end, when it was dropped meanwhile.
std::list<Sender::Transfer>::iterator Sender::transfer_of(std::uint64_t number) {
  return std::ranges::find_if(transfers_, [&](const Transfer& one) { return one.file.number() == number; });
}

// What changed while it was read is begun anew. One that does so each time goes as it was read, as rsync would send it,
// and once more after that.
void Sender::end_transfer(std::list<Transfer>::iterator at, Time time) {
  auto transfer = std::move(*at);
  transfers_.erase(at);
  const auto& file = transfer.file;
  const auto now = system::look_at(file.file());
  const auto there = roots_.at(transfer.what.place.root).tree.open_file(transfer.what.place.path);
  const bool same_file = now && there && system::is_same_file(file.file(), there->get());
  auto& what = transfer.what;
  if (same_file && same_content(*now, file.node())) {
    link_others(what.place, *now, what.order);
    return send(End{.transfer = file.number(), .node = *now, .sum = file.sum()});
  }
  if (!same_file || ++what.tries < most_tries) {
    send(Drop{.transfer = file.number()});
    if (transfer.again) what.open = what.open && transfer.again->open;
    if (!same_file || transfer.again) return queue_.add(std::move(what));
    return queue_.add_later(std::move(what), time + rest);
  }
  auto as_read = *now;
  as_read.size = file.offset();
  as_read.modified_ns = file.node().modified_ns;
  link_others(what.place, as_read, what.order);
  send(End{.transfer = file.number(), .node = as_read, .sum = file.sum()});
  if (!transfer.again) return look_later(std::move(what), time);
  transfer.again->content = transfer.again->wanted = true;
  transfer.again->tries = 0;
  queue_.add_later(std::move(*transfer.again), time + rest);
}

void Sender::drop_transfer(std::list<Transfer>::iterator at, const std::string& why, Time again) {
  auto what = std::move(at->what);
  send(Drop{.transfer = at->file.number()});
  transfers_.erase(at);
  trouble(std::move(what), why, again);
}

} // namespace tandem::replication::stream
