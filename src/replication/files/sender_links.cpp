// Files of several names. One of these, the first, is sent like any file, and counts the others; each other one is a
// Link to it. So all of them must be known: what the kernel tells of a new name says nothing of the old ones, and they
// are looked for in all roots. Reading the names is enough for that, since they come with the numbers of their
// inodes. And when a name goes, what was to be sent under it goes under another.
#include "replication/files/sender.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

Result<void> Sender::process_linked(Dirty what, const system::Node& node, Time now) {
  const auto& root = roots_.at(what.place.root);
  for (;;) {
    auto& file = linked_.note(what.place, node.id, node.links, false);
    if (!file.is_complete()) {
      join_search();
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

} // namespace tandem::replication::stream
