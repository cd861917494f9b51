// What is sent of a place: its state at that moment.
#include "replication/files/packing.hpp"
#include "replication/files/sender.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

using system::FileType;
using system::Node;
using namespace std::chrono_literals;

constexpr auto rest_of_a_flush = 300ms;
constexpr int most_rests = 20;
constexpr int most_rests_of_a_large = 600;
constexpr std::size_t names_at_once = 500; // in a listing, some milliseconds

} // namespace

// What of one place cannot be read keeps no other: it is tried again, and said.
Result<void> Sender::process(Dirty what, Time now) {
  Dirty again{.place = what.place,
              .order = what.order,
              .deep = what.deep || what.names != nullptr,
              .extra = what.extra,
              .file = what.file};
  auto done = process_state(std::move(what), now);
  if (done || (again.place.path.empty() && again.file.empty())) return done;
  trouble(std::move(again), done.error().message, now + again_after_trouble);
  return {};
}

Result<void> Sender::process_state(Dirty what, Time now) {
  if (what.renamed_from) {
    send(Rename{.from = *what.renamed_from, .to = what.place, .order = what.order});
    return {};
  }
  if (what.names) return send_listing(std::move(what));
  const auto& root = roots_.at(what.place.root);
  TANDEM_TRY(const Node node, root.tree.look(what.place.path));
  TANDEM_CHECK(note_stray(what, node));
  if (root.patterns.leave_out(what.place.path, !node.exists || node.type == FileType::folder)) return {};
  if (!node.exists) return process_gone(std::move(what));
  leave_what_it_was(what, node);
  if (node.type == FileType::regular) return process_file(std::move(what), node, now);
  send(Offer{.place = what.place, .order = what.order, .node = node});
  return what.deep && node.type == FileType::folder ? send_below(what) : Result<void>();
}

// It may have another name by now of which the kernel has not told yet, and whatever is removed then would have to be
// sent anew: so it is looked at once more after that.
Result<void> Sender::process_gone(Dirty what) {
  if (what.place.path.empty()) return failed("the folder " + roots_.at(what.place.root).tree.path() + " is gone");
  pass_on(what);
  TANDEM_TRY(const bool with_folder, left_with_its_folder(what.place));
  if (with_folder) return {};
  if (!what.sighted) {
    queue_.await_sight(std::move(what));
    return {};
  }
  send(Remove{.place = what.place, .extra = what.extra});
  leave(what.place, what);
  return {};
}

// The folder around it has gone as well, or has another name: what is told of that says all.
Result<bool> Sender::left_with_its_folder(const Place& place) const {
  const auto folder = folder_of(place);
  if (folder.path.empty()) return false;
  TANDEM_TRY(const auto around, roots_.at(place.root).tree.look(folder.path));
  return !around.exists || around.type != FileType::folder;
}

Result<void> Sender::process_file(Dirty what, const Node& node, Time now) {
  const bool linked = what.open && what.unheard && !what.wanted && (node.links > 1 || what.linked);
  if (linked && !rests_as_a_link(what, node, now)) return {};
  if (what.open && rests(what, node, now)) return {};
  if (what.open) what.content = true;
  if (node.links > 1) return process_linked(std::move(what), node, now);
  // Others may have gone that the standby still has.
  const auto file = counted(what.place, node);
  if (file.links == 1) leave(what.place, {.order = what.order});
  return send_file(std::move(what), file, now);
}

// When it is closed that will be told; but nobody knows whether it is open at all. One that never comes to rest is sent
// now and then, and who flushes gets a small one as it is, and waits for a large one unless it changes while it is
// looked at.
bool Sender::rests(Dirty& what, const Node& node, Time now) {
  const bool large = node.size > largest_whole;
  if (what.rests >= (large ? most_rests_of_a_large : most_rests) || what.rested_at_ns == node.modified_ns) return false;
  const bool flushed = what.order != 0 && what.order < wanted_durable_ && wanted_durable_ > durable_settled_;
  if (flushed && !large) return false;
  what.rested_at_ns = node.modified_ns;
  const bool first = what.rests++ == 0 && what.unheard; // it may have come whole and closed
  const bool once_more = flushed && std::exchange(what.rested_for, wanted_durable_) != wanted_durable_;
  if (!first && !once_more) what.order = 0;
  queue_.let_rest(std::move(what), now + (once_more ? rest_of_a_flush : rest));
  return true;
}

// A new name of a file that has others is sent at once, and looked at again: it may be written to by a name that
// nothing is told of. False: it has come to rest.
bool Sender::rests_as_a_link(Dirty& what, const Node& node, Time now) {
  // Not so when something else was told of the place meanwhile: it may have been another file's in between.
  if (what.linked && what.rested_at_ns == node.modified_ns) return false;
  what.rested_at_ns = node.modified_ns;
  if (++what.rests < most_rests) {
    auto later = what;
    later.linked = true;
    later.order = 0;
    queue_.let_rest(std::move(later), now + rest);
  }
  what.open = false; // what the other end has of it already is not sent again
  return true;
}

Result<void> Sender::send_file(Dirty what, const Node& node, Time now) {
  if (what.content && node.size <= largest_whole) return send_whole(std::move(what), node.id, now);
  if (what.wanted) return begin_transfer(std::move(what), node.id);
  note_offered(what.place, what.order);
  send(Offer{.place = what.place, .order = what.order, .node = node});
  return {};
}

void Sender::note_offered(const Place& place, std::uint64_t order) {
  auto& known = offered_.try_emplace(place, order).first->second;
  known = std::min(known, order);
}

// `seen`: the file that was there when it was looked at. Where another has its name by now that one is looked at anew,
// and so is the file that has lost it.
Result<void> Sender::send_whole(Dirty what, const system::FileId& seen, Time now) {
  auto file = roots_.at(what.place.root).tree.open_file(what.place.path);
  if (!file && file.error().kind == ErrorKind::not_found) {
    queue_.add(std::move(what)); // it became something else in between, and is looked at anew
    return {};
  }
  if (!file) return std::unexpected(std::move(file).error());
  TANDEM_TRY(auto node, system::look_at(file->get()));
  if (node.id != seen) {
    queue_.add(std::move(what));
    return {};
  }
  // One that grows all the time is read as far as it goes in the end.
  const bool last = what.tries + 1 >= most_tries;
  const auto most = last ? largest_whole : std::min<std::uint64_t>(node.size, largest_whole);
  TANDEM_TRY(auto content, system::read_piece(file->get(), 0, most + 1));
  TANDEM_TRY(const auto after, system::look_at(file->get()));
  const bool changed = !same_content(node, after) || content.size() != node.size;
  if (changed && (++what.tries < most_tries || content.size() > largest_whole)) {
    queue_.add(std::move(what));
    return {};
  }
  if (!changed) node = after;
  node.size = content.size();
  link_others(what.place, node, what.order);
  const bool packed = pack_where_it_pays(content);
  send(Put{.place = what.place,
           .order = what.order,
           .node = std::move(node),
           .content = std::move(content),
           .packed = packed});
  if (changed) look_later(std::move(what), now);
  return {};
}

// Somebody writes to it without a pause: what was sent is what was read.
void Sender::look_later(Dirty what, Time now) {
  what.open = true;
  what.wanted = what.linked = false;
  what.rests = what.tries = 0;
  what.order = 0;
  queue_.let_rest(std::move(what), now + rest);
}

Result<void> Sender::send_below(const Dirty& what) {
  const auto& root = roots_.at(what.place.root);
  const auto names = root.tree.names(what.place.path);
  if (!names && names.error().kind == ErrorKind::not_found) {
    queue_.add(what);
    return {};
  }
  if (!names) return std::unexpected(names.error());
  std::vector<std::string> all;
  all.reserve(names->size());
  for (const auto& one : *names) {
    auto place = place_in(what.place, one.name);
    if (one.folder && !root.patterns.leave_out(place.path, true))
      queue_.walk({.place = std::move(place), .order = what.order, .deep = true});
    all.push_back(one.name);
  }
  // A root that is empty from the beginning is a mount that is missing, as a rule.
  if (what.first && (all.empty() || all == std::vector<std::string>{"lost+found"})) return {};
  queue_.walk({.place = what.place,
               .order = what.order,
               .names = std::make_shared<const std::vector<std::string>>(std::move(all))});
  return {};
}

// A stretch of it, and then the next one when its turn comes.
Result<void> Sender::send_listing(Dirty what) {
  const auto& root = roots_.at(what.place.root);
  const auto& names = *what.names;
  const auto count = std::min(names_at_once, names.size() - what.next_name);
  const auto stretch = std::span(names).subspan(what.next_name, count);
  const auto digests = root.tree.digests(what.place.path, stretch);
  if (!digests && digests.error().kind == ErrorKind::not_found) return {};
  if (!digests) return std::unexpected(digests.error());
  Listing listing{.place = what.place, .order = what.order, .after = {}, .until = {}, .entries = {}};
  if (what.next_name > 0) listing.after = names[what.next_name - 1];
  for (std::size_t at = 0; at < count; ++at) {
    const auto place = place_in(what.place, stretch[at]);
    const bool left_out = root.patterns.leave_out(place.path, false);
    const auto digest = (*digests)[at].value_or(system::Digest());
    const bool linked = digest.links > 1 && !left_out;
    if (linked) note_listed(place, digest, what.order);
    listing.entries.push_back({stretch[at], left_out || linked ? 0 : digest.value});
    if (digest.unread && !left_out) queue_.add({.place = place, .order = what.order}); // and what is wrong is said
  }
  what.next_name += count;
  listed_ += count;
  note_offered(what.place, what.order);
  if (what.next_name < names.size()) {
    listing.until = names[what.next_name - 1];
    queue_.walk(std::move(what));
  }
  send(listing);
  return {};
}

} // namespace tandem::replication::stream
