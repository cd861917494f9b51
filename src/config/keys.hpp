// Every key of tandem.toml in one table: what it is called, what it takes, where in the model it goes and what
// it is for. Reading, messages, the refusal of keys that are not built yet and the reference all come from it.
#pragma once
#include "config/types.hpp"

namespace tandem::config {

enum class Shape { value, table, tables };

struct Key {
  std::string path; // without positions: "site.database.name"
  Shape shape = Shape::value;
  std::string says; // for the reference
  Type type = {};   // of a value

  // Puts the value into the pair; for a table, makes the place that its keys then fill. Within repeated
  // tables this is always the last one.
  std::function<void(model::Pair&, const Value&)> put;
  // The value in a pair that has one element of everything, as the file would spell it.
  std::function<std::string(model::Pair&)> show = {};

  bool needed = false;
  bool built = true;
  std::vector<std::string> later_choices = {}; // choices whose work is not built yet

  Key required() &&;
  Key later() &&;
  Key later_for(std::vector<std::string> choices) &&;

  [[nodiscard]] std::string name() const;   // "name"
  [[nodiscard]] std::string parent() const; // "site.database", "" at the top
};

using Keys = std::vector<Key>;

// In the order of the reference; a table stands before its keys.
[[nodiscard]] const Keys& keys();
[[nodiscard]] const Key* find_key(std::string_view path);
// The keys of one table, "" for those at the top.
[[nodiscard]] const std::vector<const Key*>& keys_in(std::string_view parent);
// `[site.uwsgi]`, `[[site]]`, or "this file" for "".
[[nodiscard]] std::string heading(std::string_view table);

// Parts of keys(), each in a file of its own.
[[nodiscard]] Keys pair_keys();
[[nodiscard]] Keys service_keys();
[[nodiscard]] Keys role_keys();
[[nodiscard]] Keys site_keys();
[[nodiscard]] Keys site_work_keys();

} // namespace tandem::config
