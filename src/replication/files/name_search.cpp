#include "replication/files/name_search.hpp"

#include <utility>

namespace tandem::replication::stream {

void NameSearch::begin(std::set<system::FileId> files, std::size_t roots) {
  clear();
  files_ = std::move(files);
  for (const auto& file : files_)
    inodes_.insert(file.inode);
  for (std::size_t root = 0; root < roots && !files_.empty(); ++root)
    folders_.push_back({.place = {static_cast<std::uint16_t>(root), ""}});
}

void NameSearch::moved(const Place& to, bool folder) {
  if (files_.empty()) return;
  Folder again{.place = folder ? to : folder_of(to), .deep = folder};
  const bool known = !folders_.empty() && folders_.back().place == again.place && (folders_.back().deep || !again.deep);
  if (!known) folders_.push_back(std::move(again));
}

Result<std::vector<NameSearch::Found>> NameSearch::step(const std::vector<Root>& roots) {
  const auto [folder, deep] = std::move(folders_.back());
  folders_.pop_back();
  const auto& root = roots.at(folder.root);
  std::vector<Found> found;
  const auto names = root.tree.names(folder.path);
  if (!names && names.error().kind == ErrorKind::not_found) return found;
  if (!names) return std::unexpected(names.error());
  for (const auto& one : *names) {
    auto place = place_in(folder, one.name);
    if (one.folder) {
      if (deep && !root.patterns.leave_out(place.path, true)) folders_.push_back({.place = std::move(place)});
      continue;
    }
    if (!inodes_.contains(one.inode) || root.patterns.leave_out(place.path, false)) continue;
    TANDEM_TRY(auto node, root.tree.look(place.path));
    if (node.exists && files_.contains(node.id)) found.push_back({std::move(place), std::move(node)});
  }
  return found;
}

void NameSearch::clear() {
  folders_.clear();
  files_.clear();
  inodes_.clear();
}

} // namespace tandem::replication::stream
