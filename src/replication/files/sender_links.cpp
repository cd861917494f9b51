// Files of several names. One of these, the first, is sent like any file, and counts the others; each other one is a
// Link to it. So all of them must be known: what the kernel tells of a new name says nothing of the old ones, and they
// are looked for in all roots. Reading the names is enough for that, since they come with the numbers of their
// inodes. And when a name goes, what was to be sent under it goes under another.
#include "replication/files/sender.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

constexpr std::size_t names_released_at_once = 2'000;
constexpr std::size_t most_released = 20'000; // that wait to be sent

} // namespace

Result<void> Sender::process_linked(Dirty what, const system::Node& node, Time now) {
  const auto& root = roots_.at(what.place.root);
  for (;;) {
    auto& file = linked_.note(what.place, node.id, node.links, false);
    if (!file.is_complete()) {
      queue_.await_names(std::move(what));
      return {};
    }
    const auto first = file.first_names.try_emplace(what.place.root, what.place).first->second;
    if (first == what.place) {
      // In another root it is a file of its own there, of which the kernel has told nothing.
      for (auto& name : what.beside ? std::vector<Place>() : file.names_beside(what.place.root))
        queue_.add({.place = std::move(name),
                    .order = what.order,
                    .content = what.content,
                    .wanted = what.wanted,
                    .beside = true});
      const auto own = counted(what.place, node);
      return send_file(std::move(what), own, now);
    }
    TANDEM_TRY(const auto there, root.tree.look(first.path));
    if (there.exists && there.id == node.id && !root.patterns.leave_out(first.path, false)) {
      // What there is to be known of the file goes under its first name, after this one: then all names are counted.
      send(Link{.place = what.place, .file = first.path, .order = what.order});
      queue_.add(
          {.place = first, .order = what.order, .content = what.content, .wanted = what.wanted, .beside = what.beside});
      return {};
    }
    leave(first, {}); // and another one is the first
  }
}

// With as many names as the standby has in that root by now, at the most.
system::Node Sender::counted(const Place& place, system::Node node) const {
  const auto* file = linked_.file_at(place);
  node.links = file == nullptr ? 1 : std::max<std::uint64_t>(file->names_in(place.root).size(), 1);
  return node;
}

// The standby has a file of its own for that name from now on.
void Sender::link_others(const Place& place, const system::Node& node, std::uint64_t order) {
  const auto* file = node.links > 1 ? linked_.file_at(place) : nullptr;
  if (file == nullptr) return;
  for (auto& name : file->names_in(place.root))
    if (name != place) queue_.add({.place = std::move(name), .order = order});
}

// It, and all below it, are names of what they were no more. `carried`: what was taken out of the queue for that place.
void Sender::leave(const Place& place, const Dirty& carried) {
  pass_on_left(linked_.forget(place), carried);
}

// What is there is no folder any more, or another file, or none.
void Sender::leave_what_it_was(const Dirty& what, const system::Node& node) {
  const bool regular = node.type == system::FileType::regular;
  if (node.type != system::FileType::folder) pass_on_left(linked_.forget_below(what.place), {.order = what.order});
  if (linked_.file_at(what.place) != nullptr && (!regular || !linked_.is_of(what.place, node.id)))
    leave(what.place, what);
}

void Sender::pass_on_left(const std::vector<LinkedNames::Left>& left, const Dirty& carried) {
  for (const auto& [name, other] : left) {
    auto what = queue_.waiting_at(name);
    const auto carry = [&](const Dirty& more) {
      if (what.order == 0 || (more.order != 0 && more.order < what.order)) what.order = more.order;
      what.content = what.content || more.content || more.wanted;
    };
    carry({.order = carried.order});
    for (const auto& transfer : transfers_)
      if (transfer.what.place == name) carry(transfer.what);
    if (name == carried.place) carry(carried);
    queue_.add({.place = other, .order = what.order, .content = what.content, .wanted = what.content});
  }
}

// What is to be sent of it goes under another name that is there, or two that have gone would hand it to each other for
// ever; it stays a name. Once; and what has come from another name is nothing to be passed on.
void Sender::pass_on(Dirty& what) {
  const auto* file = (what.content || what.wanted) && !what.beside ? linked_.file_at(what.place) : nullptr;
  if (file == nullptr) return;
  const auto other = std::ranges::find_if(file->names, [&](const Place& name) {
    const auto there = roots_.at(name.root).tree.look(name.path);
    return name != what.place && there && there->exists && linked_.is_of(what.place, there->id);
  });
  if (other == file->names.end()) return;
  queue_.add({.place = *other, .order = what.order, .content = true, .wanted = what.wanted});
  what.content = what.wanted = false;
}

// ---- files that were told of under a name that is none, or none any more

void Sender::add_stray(const Dirty& what) {
  strays_.add({.place = what.place,
               .order = what.order == 0 ? queue_.new_order() : what.order,
               .content = what.content,
               .wanted = what.wanted,
               .open = what.open,
               .file = what.file});
}

// Under a name that is left out; but it may be one of a file that has others.
void Sender::changed_elsewhere(const Place& place, const system::FileChange& change) {
  using enum system::ChangeKind;
  if (change.file.empty() || (change.kind != written && change.kind != growing && change.kind != altered)) return;
  add_stray({.place = place,
             .content = change.kind == written,
             .wanted = change.kind == growing,
             .open = change.kind == growing,
             .file = change.file});
}

// Where that was its only name, and it has gone out of the roots by a rename, it is to be sought nowhere.
void Sender::leave_roots(const Place& from, const std::string& file) {
  const auto node = file.empty() ? Result<system::Node>() : roots_.at(from.root).tree.look_by(file);
  if (file.empty() || !node || node->links > 1) return;
  queue_.forget_file(from, file);
  strays_.forget(file);
}

// `node`: what is at that place.
Result<void> Sender::note_stray(Dirty& what, const system::Node& node) {
  if (what.file.empty()) return {};
  TANDEM_TRY(const auto file, roots_.at(what.place.root).tree.look_by(what.file));
  if (file.exists && node.exists && file.id == node.id && !roots_.at(what.place.root).patterns.leave_out(what.place.path, false))
    return {};
  if (file.exists) add_stray(what);
  what.file.clear();
  return {};
}

void Sender::take_displaced() {
  for (const auto& what : queue_.take_displaced())
    add_stray(what);
}

Result<void> Sender::process_stray(Dirty what, Time now) {
  auto again = what;
  auto done = look_for_names(std::move(what));
  if (!done) trouble(std::move(again), done.error().message, now);
  return {};
}

Result<void> Sender::look_for_names(Dirty what) {
  const auto& root = roots_.at(what.place.root);
  TANDEM_TRY(const auto node, root.tree.look_by(what.file));
  if (!node.exists || node.type != system::FileType::regular) return {};
  TANDEM_TRY(const auto there, root.tree.look(what.place.path));
  if (there.exists && there.id == node.id) {
    if (!root.patterns.leave_out(what.place.path, false)) {
      queue_.add(std::move(what));
      return {};
    }
    if (node.links == 1) return {};
  }
  auto& file = linked_.file_of(node.id, node.links);
  if (std::exchange(file.handle, what.file) != what.file) file.sought = 0; // another file had that inode
  if (!file.is_complete()) {
    strays_.await_names(std::move(what));
    return {};
  }
  const auto names = file.names;
  if (names.empty() && node.links == 1) linked_.drop(node.id); // it is outside of the roots
  if (names.empty() || hand_on(what, node)) return {};
  for (const auto& name : names)
    leave(name, {});
  strays_.await_names(std::move(what));
  return {};
}

// To one of its names that is there. False: none is.
bool Sender::hand_on(const Dirty& what, const system::Node& node) {
  for (const auto& name : linked_.file_of(node.id, node.links).names) {
    const auto there = roots_.at(name.root).tree.look(name.path);
    if (!there || !there->exists || there->id != node.id) continue;
    auto handed = what;
    handed.place = name;
    queue_.add(std::move(handed));
    return true;
  }
  return false;
}

// ---- looking for names

// Its turn comes when all of the trees were listed, and with them the other names.
void Sender::note_listed(const Place& place, const system::Digest& digest, std::uint64_t order) {
  if (!linked_.is_of(place, digest.id)) leave(place, {});
  linked_.note(place, digest.id, digest.links, !queue_.is_new(place));
  queue_.await_names({.place = place, .order = order});
}

bool Sender::may_seek() const {
  return (queue_.awaits_names() || strays_.awaits_names()) && !queue_.has_walk() && (!names_found_ || queue_.waiting() < most_released);
}

Result<void> Sender::seek_names() {
  if (names_found_) {
    names_found_ = queue_.release(names_released_at_once);
    if (!names_found_) strays_.release();
    return {};
  }
  if (to_seek_.empty()) begin_to_seek();
  if (!to_seek_.empty()) {
    const auto folder = std::move(to_seek_.back());
    to_seek_.pop_back();
    seek_below(folder);
  }
  if (!to_seek_.empty()) return {};
  for (const auto& key : std::exchange(sought_, {}))
    linked_.sought(key);
  sought_inodes_.clear();
  names_found_ = true;
  return {};
}

// Where the listings have found all of them nothing is looked for.
void Sender::begin_to_seek() {
  for (const auto& stray : strays_.seek()) {
    const auto node = roots_.at(stray.place.root).tree.look_by(stray.file);
    if (!node || !node->exists || linked_.file_of(node->id, node->links).is_complete()) continue;
    sought_.insert(node->id);
    sought_inodes_.insert(node->id.inode);
  }
  for (const auto& place : queue_.seek()) {
    const auto node = roots_.at(place.root).tree.look(place.path);
    if (!node || node->links < 2 || linked_.file_of(node->id, node->links).is_complete()) continue;
    sought_.insert(node->id);
    sought_inodes_.insert(node->id.inode);
  }
  for (std::size_t root = 0; root < roots_.size() && !sought_.empty(); ++root)
    to_seek_.push_back({static_cast<std::uint16_t>(root), ""});
}

// What cannot be read, or is gone, has no names that could be told.
void Sender::seek_below(const Place& folder) {
  const auto& root = roots_.at(folder.root);
  const auto names = root.tree.names(folder.path);
  if (!names) return;
  for (const auto& one : *names) {
    auto place = place_in(folder, one.name);
    if (one.folder) {
      if (!root.patterns.leave_out(place.path, true)) to_seek_.push_back(std::move(place));
      continue;
    }
    if (!sought_inodes_.contains(one.inode) || root.patterns.leave_out(place.path, false)) continue;
    const auto node = root.tree.look(place.path);
    if (!node || !node->exists || !sought_.contains(node->id)) continue;
    if (!linked_.is_of(place, node->id)) leave(place, {});
    linked_.note(place, node->id, node->links, !queue_.is_new(place));
  }
}

} // namespace tandem::replication::stream
