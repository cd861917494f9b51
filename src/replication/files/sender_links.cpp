// Files of several names. One of these, the first, is sent like any file, and counts the others; each other one is a
// Link to it. So all of them must be known: what the kernel tells of a new name says nothing of the old ones, and they
// are looked for in the whole root. Reading the names is enough for that, since they come with the numbers of their
// inodes.
#include "replication/files/sender.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

using system::FileType;
using system::Node;

} // namespace

Result<void> Sender::process_linked(Dirty what, const Node& node, Time now) {
  const auto& tree = roots_.at(what.place.root).tree;
  auto& file = linked_.note(what.place, node.id, node.links, false);
  if (!file.is_complete()) {
    queue_.await_names(std::move(what));
    return {};
  }
  if (!file.first) file.first = what.place;
  if (const auto first = *file.first; first != what.place) {
    TANDEM_TRY(const auto there, tree.look(first.path));
    if (!there.exists || there.id != node.id) {
      linked_.forget(first); // and another one is the first
      return process_linked(std::move(what), node, now);
    }
    // What is to be known of the file goes under its first name, after this one, so that its names are counted then.
    send(Link{.place = what.place, .file = first.path, .order = what.order});
    queue_.add({.place = first, .order = what.order, .content = what.content, .wanted = what.wanted});
    return {};
  }
  auto counted = node;
  counted.links = file.names.size();
  return send_file(std::move(what), counted, now);
}

// The standby has a file of its own for that name from now on.
void Sender::link_others(const Place& place, const Node& node, std::uint64_t order) {
  const auto* file = node.links > 1 ? linked_.file_at(place) : nullptr;
  if (file == nullptr) return;
  for (const auto& name : file->names)
    if (name != place) queue_.add({.place = name, .order = order});
}

// Under a name that is left out; but it may be one of a file that has others.
void Sender::changed_elsewhere(const Place& place, system::ChangeKind kind) {
  using enum system::ChangeKind;
  if (linked_.empty() || (kind != written && kind != growing && kind != altered)) return;
  const auto node = roots_.at(place.root).tree.look(place.path);
  const auto* file = node && node->links > 1 ? linked_.file_of(place.root, node->id) : nullptr;
  if (file == nullptr) return;
  queue_.add(
      {.place = *file->names.begin(), .content = kind == written, .wanted = kind == growing, .open = kind == growing});
}

// Its turn comes when all of the trees were listed, and with them the other names.
void Sender::note_listed(const Place& place, const system::Digest& digest, std::uint64_t order) {
  linked_.note(place, digest.id, digest.links, !queue_.is_new(place));
  queue_.await_names({.place = place, .order = order});
}

bool Sender::may_seek() const {
  return queue_.awaits_names() && !queue_.has_walk();
}

Result<void> Sender::seek_names() {
  if (to_seek_.empty() && sought_.empty()) begin_to_seek();
  if (!to_seek_.empty()) {
    const auto folder = std::exchange(to_seek_.back(), {});
    to_seek_.pop_back();
    TANDEM_CHECK(seek_below(folder));
  }
  if (!to_seek_.empty()) return {};
  for (const auto& place : std::exchange(sought_, {}))
    linked_.sought(place);
  sought_inodes_.clear();
  queue_.released();
  return {};
}

// Where the listings have found all of them nothing is looked for.
void Sender::begin_to_seek() {
  sought_ = queue_.seek();
  std::set<std::uint16_t> roots;
  for (const auto& place : sought_) {
    const auto* file = linked_.file_at(place);
    if (file == nullptr || file->is_complete()) continue;
    roots.insert(place.root);
    sought_inodes_.insert(linked_.inode_at(place));
  }
  for (const auto root : roots)
    to_seek_.push_back({root, ""});
}

Result<void> Sender::seek_below(const Place& folder) {
  const auto& root = roots_.at(folder.root);
  const auto names = root.tree.names(folder.path);
  // What cannot be read, or is gone, has no names that could be told.
  if (!names) return {};
  for (const auto& one : *names) {
    auto place = place_in(folder, one.name);
    if (one.folder) {
      if (!root.patterns.leave_out(place.path, true)) to_seek_.push_back(std::move(place));
    } else if (sought_inodes_.contains(one.inode) && !root.patterns.leave_out(place.path, false)) {
      const auto node = root.tree.look(place.path);
      if (node && node->exists && node->type == FileType::regular && node->links > 1)
        linked_.note(place, node->id, node->links, !queue_.is_new(place));
    }
  }
  return {};
}

} // namespace tandem::replication::stream
