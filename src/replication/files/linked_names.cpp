#include "replication/files/linked_names.hpp"

namespace tandem::replication::stream {

LinkedNames::File& LinkedNames::file_of(const Key& key, std::uint64_t links) {
  auto& file = files_[key];
  file.links = links;
  return file;
}

LinkedNames::File& LinkedNames::note(const Place& place, const Key& key, std::uint64_t links, bool known) {
  if (!is_of(place, key)) forget_one(place);
  keys_[place] = key;
  auto& file = file_of(key, links);
  file.names.insert(place);
  if (known && !file.first) file.first = place;
  return file;
}

// What was looked for once is to be looked for again: another name may have come for this one.
std::optional<Place> LinkedNames::forget_one(const Place& place) {
  const auto known = keys_.find(place);
  if (known == keys_.end()) return std::nullopt;
  const auto at = files_.find(known->second);
  keys_.erase(known);
  auto& file = at->second;
  file.names.erase(place);
  file.sought = 0;
  if (file.names.empty()) {
    files_.erase(at);
    return std::nullopt;
  }
  if (file.first == place) file.first = *file.names.begin();
  return *file.names.begin();
}

std::vector<LinkedNames::Left> LinkedNames::forget(const Place& place) {
  std::vector<Place> names;
  for_each_at(keys_, place, [&](const auto& one) { names.push_back(one.first); });
  std::vector<Left> left;
  for (const auto& name : names)
    if (auto other = forget_one(name)) left.push_back({name, std::move(*other)});
  return left;
}

void LinkedNames::rename(const Place& from, const Place& to) {
  std::vector<std::pair<Place, Key>> names;
  for_each_at(keys_, from, [&](const auto& one) { names.push_back(one); });
  for (const auto& [place, key] : names) {
    const auto now = moved(place, from, to);
    auto& file = files_.at(key);
    file.names.erase(place);
    file.names.insert(now);
    if (file.first == place) file.first = now;
    keys_.erase(place);
    keys_[now] = key;
  }
}

void LinkedNames::sought(const Key& key) {
  if (const auto known = files_.find(key); known != files_.end()) known->second.sought = known->second.links;
}

const LinkedNames::File* LinkedNames::file_at(const Place& place) const {
  const auto known = keys_.find(place);
  return known == keys_.end() ? nullptr : &files_.at(known->second);
}

bool LinkedNames::is_of(const Place& place, const Key& key) const {
  const auto known = keys_.find(place);
  return known != keys_.end() && known->second == key;
}

void LinkedNames::clear() {
  files_.clear();
  keys_.clear();
}

} // namespace tandem::replication::stream
