#include "replication/files/linked_names.hpp"

namespace tandem::replication::stream {

LinkedNames::File& LinkedNames::note(const Place& place, const system::FileId& id, std::uint64_t links, bool known) {
  const Key key{place.root, id};
  if (const auto before = keys_.find(place); before != keys_.end() && before->second != key) forget_one(place);
  keys_[place] = key;
  auto& file = files_[key];
  file.links = links;
  file.names.insert(place);
  if (known && !file.first) file.first = place;
  return file;
}

void LinkedNames::forget_one(const Place& place) {
  const auto known = keys_.find(place);
  if (known == keys_.end()) return;
  const auto at = files_.find(known->second);
  keys_.erase(known);
  auto& file = at->second;
  file.names.erase(place);
  if (file.names.empty())
    files_.erase(at);
  else if (file.first == place)
    file.first = *file.names.begin();
}

void LinkedNames::forget(const Place& place) {
  std::vector<Place> names;
  for_each_at(keys_, place, [&](const auto& one) { names.push_back(one.first); });
  for (const auto& name : names)
    forget_one(name);
}

void LinkedNames::rename(const Place& from, const Place& to) {
  forget(to);
  if (from.root != to.root) return forget(from);
  std::vector<std::pair<Place, Key>> names;
  for_each_at(keys_, from, [&](const auto& one) { names.push_back(one); });
  for (const auto& [place, key] : names) {
    const auto now = moved(place, from, to);
    auto& file = files_.at(key);
    const bool first = file.first == place;
    file.names.insert(now);
    keys_[now] = key;
    forget_one(place);
    if (first) file.first = now;
  }
}

const LinkedNames::File* LinkedNames::file_at(const Place& place) const {
  const auto known = keys_.find(place);
  return known == keys_.end() ? nullptr : &files_.at(known->second);
}

std::uint64_t LinkedNames::inode_at(const Place& place) const {
  const auto known = keys_.find(place);
  return known == keys_.end() ? 0 : known->second.second.inode;
}

void LinkedNames::sought(const Place& place) {
  const auto known = keys_.find(place);
  if (known == keys_.end()) return;
  auto& file = files_.at(known->second);
  file.sought = file.links;
  if (!file.first) file.first = place;
}

const LinkedNames::File* LinkedNames::file_of(std::uint16_t root, const system::FileId& id) const {
  const auto known = files_.find({root, id});
  return known == files_.end() ? nullptr : &known->second;
}

void LinkedNames::clear() {
  files_.clear();
  keys_.clear();
}

} // namespace tandem::replication::stream
