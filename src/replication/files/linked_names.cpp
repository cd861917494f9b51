#include "replication/files/linked_names.hpp"

namespace tandem::replication::stream {

std::vector<Place> LinkedNames::File::names_in(std::uint16_t root) const {
  std::vector<Place> those;
  for (auto at = names.lower_bound({root, ""}); at != names.end() && at->root == root; ++at)
    those.push_back(*at);
  return those;
}

std::vector<Place> LinkedNames::File::names_beside(std::uint16_t root) const {
  std::map<std::uint16_t, Place> those = first_names;
  for (const auto& name : names)
    those.try_emplace(name.root, name);
  those.erase(root);
  std::vector<Place> list;
  for (auto& [other, name] : those)
    list.push_back(std::move(name));
  return list;
}

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
  if (known) file.first_names.try_emplace(place.root, place);
  return file;
}

void LinkedNames::take_name(File& file, const Place& place) {
  file.names.erase(place);
  if (const auto first = file.first_names.find(place.root); first != file.first_names.end() && first->second == place) {
    const auto next = file.names.lower_bound({place.root, ""});
    if (next != file.names.end() && next->root == place.root)
      first->second = *next;
    else
      file.first_names.erase(first);
  }
}

// What was looked for once is to be looked for again: another name may have come for this one.
std::optional<Place> LinkedNames::forget_one(const Place& place) {
  const auto known = keys_.find(place);
  if (known == keys_.end()) return std::nullopt;
  const auto at = files_.find(known->second);
  keys_.erase(known);
  auto& file = at->second;
  take_name(file, place);
  file.sought = 0;
  if (file.names.empty()) {
    files_.erase(at);
    return std::nullopt;
  }
  const auto next = file.names.lower_bound({place.root, ""});
  return next != file.names.end() && next->root == place.root ? *next : *file.names.begin();
}

std::vector<LinkedNames::Left> LinkedNames::forget(const Place& place) {
  std::vector<Place> names;
  for_each_at(keys_, place, [&](const auto& one) { names.push_back(one.first); });
  return forget_all(names);
}

std::vector<LinkedNames::Left> LinkedNames::forget_below(const Place& place) {
  std::vector<Place> names;
  for_each_at(keys_, place, [&](const auto& one) {
    if (one.first != place) names.push_back(one.first);
  });
  return forget_all(names);
}

std::vector<LinkedNames::Left> LinkedNames::forget_all(const std::vector<Place>& names) {
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
    const auto first = file.first_names.find(place.root);
    const bool was_first = first != file.first_names.end() && first->second == place;
    file.names.insert(now);
    take_name(file, place);
    if (was_first && now.root == place.root) file.first_names[now.root] = now;
    keys_.erase(place);
    keys_[now] = key;
  }
}

void LinkedNames::sought(const Key& key) {
  if (const auto known = files_.find(key); known != files_.end()) known->second.sought = known->second.links;
}

void LinkedNames::drop(const Key& key) {
  if (const auto known = files_.find(key); known != files_.end() && known->second.names.empty()) files_.erase(known);
}

const LinkedNames::File* LinkedNames::file(const Key& key) const {
  const auto known = files_.find(key);
  return known == files_.end() ? nullptr : &known->second;
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
