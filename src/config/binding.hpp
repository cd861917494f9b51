// Binds a key to a member of the model: put writes it, show reads its default.
#pragma once
#include "config/keys.hpp"
#include "config/units.hpp"

namespace tandem::config {

struct Binding {
  std::function<void(model::Pair&, const Value&)> put;
  std::function<std::string(model::Pair&)> show;
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class Field>
void assign(Field& field, const Value& value) {
  if constexpr (is_optional<Field>) {
    if (std::holds_alternative<std::monostate>(value)) return field.reset();
    assign(field.emplace(), value);
  } else if constexpr (std::is_same_v<Field, std::string>) {
    field = std::holds_alternative<std::monostate>(value) ? std::string() : std::get<std::string>(value);
  } else if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
    field = static_cast<Field>(std::get<std::int64_t>(value));
  } else {
    field = std::get<Field>(value);
  }
}

[[nodiscard]] std::string spell(const std::string& text);
[[nodiscard]] std::string spell(const std::vector<std::string>& texts);
[[nodiscard]] std::string spell(const std::map<std::string, std::string>& texts);
[[nodiscard]] std::string spell(const model::SecretFile& file);

// As the file would spell it; "" when there is no value.
template <class Field>
std::string spell(const Field& field) {
  if constexpr (is_optional<Field>)
    return field ? spell(*field) : "";
  else if constexpr (std::is_same_v<Field, bool>)
    return field ? "true" : "false";
  else if constexpr (std::is_same_v<Field, model::Seconds>)
    return spell(show_duration(field));
  else if constexpr (std::is_same_v<Field, model::Bytes>)
    return spell(show_size(field));
  else if constexpr (std::is_same_v<Field, double>)
    return spell(show_percent(field));
  else
    return fmt::format("{}", field);
}

// Owners that several tables of keys have.
inline model::Pair& pair(model::Pair& pair) {
  return pair;
}

inline model::Site& site(model::Pair& pair) {
  return pair.sites.back();
}

// `owner` finds the structure in the pair, the last one where there are several.
template <class Owner, class Parent, class Field>
Binding at(Owner& (*owner)(model::Pair&), Field Parent::* field) {
  return {[=](model::Pair& pair, const Value& value) { assign(owner(pair).*field, value); },
          [=](model::Pair& pair) { return spell(owner(pair).*field); }};
}

// A choice that the model keeps as an enumeration whose values stand in the order of the choices.
template <class Owner, class Parent, class Enum>
Binding choose(Owner& (*owner)(model::Pair&), Enum Parent::* field, std::vector<std::string> choices) {
  return {[=](model::Pair& pair, const Value& value) {
            const auto found = std::ranges::find(choices, std::get<std::string>(value));
            owner(pair).*field = static_cast<Enum>(found - choices.begin());
          },
          [=](model::Pair& pair) { return spell(choices.at(static_cast<std::size_t>(owner(pair).*field))); }};
}

inline Key value(std::string path, Type type, Binding binding, std::string says) {
  return {std::move(path), Shape::value,           std::move(says),
          std::move(type), std::move(binding.put), std::move(binding.show)};
}

// A table that the model always has.
inline Key table(std::string path, std::string says) {
  return {std::move(path), Shape::table, std::move(says), {}, [](model::Pair&, const Value&) {}};
}

// A table that the model has only when the file does.
template <class Owner, class Parent, class Part>
Key table(std::string path, Owner& (*owner)(model::Pair&), std::optional<Part> Parent::* part, std::string says) {
  return {std::move(path), Shape::table, std::move(says), {}, [=](model::Pair& pair, const Value&) {
            (owner(pair).*part).emplace();
          }};
}

// Repeated tables.
template <class Owner, class Parent, class Part>
Key tables(std::string path, Owner& (*owner)(model::Pair&), std::vector<Part> Parent::* parts, std::string says) {
  return {std::move(path), Shape::tables, std::move(says), {}, [=](model::Pair& pair, const Value&) {
            (owner(pair).*parts).emplace_back();
          }};
}

} // namespace tandem::config
