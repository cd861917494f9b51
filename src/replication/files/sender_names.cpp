// Files that were told of under a name that is none, or none any more: the kernel says which file it was, and its other
// names are looked for. And the search for all names of a file that has several.
#include "replication/files/sender.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tandem::replication::stream {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t names_released_at_once = 2'000;
constexpr std::size_t most_released = 20'000;   // that wait to be sent
constexpr std::size_t most_remembered = 10'000; // of names and files
constexpr std::size_t most_sorted = 1'000;      // strays at a time
constexpr auto seek_after_trouble = 1s;

} // namespace

void Sender::note_name(const std::string& file, const Place& place) {
  if (file.empty()) return;
  if (latest_names_.size() >= most_remembered) latest_names_.clear();
  latest_names_[file] = place;
  elsewhere_.erase(file);
}

void Sender::add_stray(const Dirty& what) {
  strays_.add({.place = what.place,
               .order = what.order == 0 ? queue_.new_order() : what.order,
               .content = what.content,
               .wanted = what.wanted,
               .open = what.open,
               .file = what.file});
}

// Under a name that is left out, or in a folder that is gone; but it may be one of a file that has others.
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
  const auto& root = roots_.at(what.place.root);
  const bool ours = !root.patterns.leave_out(what.place.path, false);
  if (ours && node.exists && system::Tree::is_of(what.file, node)) return {}; // as nearly always
  TANDEM_TRY(const auto file, root.tree.look_by(what.file));
  if (ours && file.exists && node.exists && file.id == node.id) return {};
  if (file.exists) add_stray(what);
  what.file.clear();
  return {};
}

void Sender::take_displaced() {
  for (const auto& what : queue_.take_displaced())
    add_stray(what);
}

// Most are of no concern, and none is to wait for a stream that does not go on.
void Sender::sighted(Time now) {
  queue_.sighted();
  strays_.sighted();
  // Its owner asks for a word now and then, which comes to that.
  if (verification_ && verification_->awaits_sight()) verification_->sighted(queue_.next_order());
  for (std::size_t count = 0; count < most_sorted && strays_.has_some(); ++count)
    process_stray(*strays_.take(), now);
  if (!search_.is_under_way() || search_.has_more()) return;
  for (const auto& key : search_.files())
    linked_.sought(key);
  search_.clear();
  names_found_ = true;
}

void Sender::process_stray(Dirty what, Time now) {
  auto again = what;
  auto done = look_for_names(std::move(what));
  if (!done) trouble(std::move(again), done.error().message, now + again_after_trouble);
}

Result<void> Sender::look_for_names(Dirty what) {
  std::string path;
  TANDEM_TRY(const auto node, roots_.at(what.place.root).tree.look_by(what.file, &path));
  if (!node.exists || node.type != system::FileType::regular) return {};
  const auto known = place_by(path);
  if (node.links == 1 && !path.empty() && !known) return {}; // that is its only name, in none of the roots
  const auto latest = latest_names_.find(what.file);
  for (const auto& place : std::array{what.place, known.value_or(what.place),
                                      latest == latest_names_.end() ? what.place : latest->second}) {
    const auto& root = roots_.at(place.root);
    TANDEM_TRY(const auto there, root.tree.look(place.path));
    if (!there.exists || there.id != node.id) continue;
    const bool left_out = root.patterns.leave_out(place.path, false);
    if (left_out && node.links == 1) return {};
    if (left_out) continue;
    what.place = place;
    queue_.add(std::move(what));
    return {};
  }
  if (hand_on(what, node)) return {};
  if (const auto none = elsewhere_.find(what.file); none != elsewhere_.end() && none->second == node.links) return {};
  if (!linked_.file_of(node.id, node.links).is_complete()) {
    join_search();
    strays_.await_names(std::move(what));
    return {};
  }
  linked_.drop(node.id);
  if (elsewhere_.size() >= most_remembered) elsewhere_.clear();
  elsewhere_[what.file] = node.links;
  return {};
}

std::optional<Place> Sender::place_by(const std::string& path) const {
  for (std::size_t root = 0; root < roots_.size(); ++root)
    if (auto below = roots_[root].tree.below(path)) return Place{static_cast<std::uint16_t>(root), std::move(*below)};
  return std::nullopt;
}

// To one of its names that is there. False: none is, and none is known any more.
bool Sender::hand_on(const Dirty& what, const system::Node& node) {
  const auto* file = linked_.file(node.id);
  const auto names = file == nullptr ? std::set<Place>() : file->names;
  for (const auto& name : names) {
    const auto& root = roots_.at(name.root);
    const auto there = root.tree.look(name.path);
    if (!there || !there->exists || there->id != node.id || root.patterns.leave_out(name.path, false)) {
      leave(name, {});
      continue;
    }
    auto handed = what;
    handed.place = name;
    note_name(what.file, name);
    queue_.add(std::move(handed));
    return true;
  }
  return false;
}

// ---- looking for names

// Where nobody waits for what it was about it begins anew.
void Sender::join_search() {
  if (!awaits_names()) search_.clear();
}

// Its turn comes when all of the trees were listed, and with them the other names.
void Sender::note_listed(const Place& place, const system::Digest& digest, std::uint64_t order) {
  if (!linked_.is_of(place, digest.id)) leave(place, {});
  linked_.note(place, digest.id, digest.links, !queue_.is_new(place));
  join_search();
  queue_.await_names({.place = place, .order = order});
}

bool Sender::may_seek(Time now) const {
  const bool sought = search_.is_under_way() && !search_.has_more(); // and the kernel is to be heard first
  return awaits_names() && !queue_.has_walk() && !sought && now >= seek_not_before_ &&
         (!names_found_ || queue_.waiting() < most_released);
}

void Sender::seek_names(Time now) {
  if (names_found_) {
    names_found_ = queue_.release(names_released_at_once);
    if (!names_found_) strays_.release();
    return;
  }
  if (!search_.is_under_way()) begin_to_seek();
  if (!search_.is_under_way()) {
    names_found_ = true;
    return;
  }
  const auto found = search_.step(roots_);
  if (!found) {
    problem_ = "looking for the names of files: " + found.error().message;
    refused_since_mark_ = true;
    search_.clear();
    seek_not_before_ = now + seek_after_trouble;
    return;
  }
  for (const auto& [place, node] : *found) {
    if (!linked_.is_of(place, node.id)) leave(place, {});
    linked_.note(place, node.id, node.links, !queue_.is_new(place));
  }
}

// Where the listings have found all of them nothing is looked for.
void Sender::begin_to_seek() {
  for (const auto& key : std::exchange(sought_before_, {}))
    linked_.drop(key);
  std::set<system::FileId> files;
  const auto see = [&](const Result<system::Node>& node) {
    if (node && node->exists && !linked_.file_of(node->id, node->links).is_complete()) files.insert(node->id);
  };
  for (const auto& stray : strays_.seek())
    see(roots_.at(stray.place.root).tree.look_by(stray.file));
  for (const auto& place : queue_.seek())
    see(roots_.at(place.root).tree.look(place.path));
  sought_before_ = files;
  search_.begin(std::move(files), roots_.size());
}

} // namespace tandem::replication::stream
