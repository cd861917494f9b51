#include "config/keys.hpp"

#include "config/binding.hpp"

namespace tandem::config {

namespace {

struct Index {
  Keys all;
  std::map<std::string, const Key*, std::less<>> by_path;
  std::map<std::string, std::vector<const Key*>, std::less<>> by_parent;
};

Index make_index() {
  Index index;
  for (auto part : {pair_keys, service_keys, role_keys, site_keys, site_work_keys})
    std::ranges::move(part(), std::back_inserter(index.all));
  for (const auto& key : index.all) {
    index.by_path.emplace(key.path, &key);
    index.by_parent[key.parent()].push_back(&key);
  }
  return index;
}

const Index& index() {
  static const Index made = make_index();
  return made;
}

KeySet key_set(bool later_ones) {
  KeySet set;
  for (const auto& key : keys()) {
    if (!key.built && !later_ones) continue;
    set.insert(key.path);
    for (const auto& choice : key.type.choices)
      if (later_ones || std::ranges::find(key.later_choices, choice) == key.later_choices.end())
        set.insert(key.path + "=" + choice);
  }
  return set;
}

} // namespace

Key Key::required() && {
  needed = true;
  return std::move(*this);
}

Key Key::later() && {
  built = false;
  return std::move(*this);
}

Key Key::later_for(std::vector<std::string> choices) && {
  later_choices = std::move(choices);
  return std::move(*this);
}

std::string Key::name() const {
  return path.substr(path.rfind('.') + 1);
}

std::string Key::parent() const {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

const Keys& keys() {
  return index().all;
}

const Key* find_key(std::string_view path) {
  const auto found = index().by_path.find(path);
  return found == index().by_path.end() ? nullptr : found->second;
}

const std::vector<const Key*>& keys_in(std::string_view parent) {
  static const std::vector<const Key*> none;
  const auto found = index().by_parent.find(parent);
  return found == index().by_parent.end() ? none : found->second;
}

std::string heading(std::string_view table) {
  const auto* key = find_key(table);
  if (key == nullptr) return "this file";
  return key->shape == Shape::tables ? fmt::format("[[{}]]", table) : fmt::format("[{}]", table);
}

KeySet built_keys() {
  return key_set(false);
}

KeySet all_keys() {
  return key_set(true);
}

std::string spell(const std::string& text) {
  return "\"" + text + "\"";
}

std::string spell(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts)
    list += (list.empty() ? "" : ", ") + spell(text);
  return "[" + list + "]";
}

std::string spell(const std::map<std::string, std::string>& texts) {
  std::string table;
  for (const auto& [name, text] : texts)
    table += (table.empty() ? "" : ", ") + name + " = " + spell(text);
  return table.empty() ? "{}" : "{ " + table + " }";
}

std::string spell(const model::SecretFile& file) {
  return spell(file.text);
}

} // namespace tandem::config
