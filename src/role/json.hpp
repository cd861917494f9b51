// Reading JSON fields with errors that name the field. For the .cpp files of this folder only.
#pragma once
#include "base/result.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <set>
#include <string>

namespace tandem::role {

using Json = nlohmann::ordered_json;

// Reads the fields of one object one after the other and remembers the first that is wrong.
class Fields {
public:
  explicit Fields(const Json& object) : object_(object) {
    if (!object.is_object()) wrong_ = "it is not an object";
  }

  void read(const char* name, std::string& value) {
    if (const auto* field = find(name, &Json::is_string)) value = field->get<std::string>();
  }

  void read(const char* name, bool& value) {
    if (const auto* field = find(name, &Json::is_boolean)) value = field->get<bool>();
  }

  void read(const char* name, std::uint64_t& value) {
    if (const auto* field = find(name, &Json::is_number_unsigned)) value = field->get<std::uint64_t>();
  }

  // An epoch stays far below the number's end, so that adding to it never wraps.
  void read_epoch(const char* name, std::uint64_t& value) {
    read(name, value);
    check_epoch(name, value);
  }

  void read(const char* name, std::set<std::string>& value) {
    each(name, &Json::is_string, [&](const Json& item) { value.insert(item.get<std::string>()); });
  }

  void read_epochs(const char* name, std::set<std::uint64_t>& value) {
    each(name, &Json::is_number_unsigned, [&](const Json& item) {
      value.insert(item.get<std::uint64_t>());
      check_epoch(name, *value.rbegin());
    });
  }

  // Calls `use` with every item of an array whose items satisfy `is`.
  void each(const char* name, bool (Json::*is)() const noexcept, const auto& use) {
    const auto* field = find(name, &Json::is_array);
    if (field == nullptr) return;
    for (const auto& item : *field) {
      if (!(item.*is)()) return note(fmt::format("an item of \"{}\" has the wrong type", name));
      use(item);
    }
  }

  // The field if it is there with that type; else it is remembered as wrong.
  const Json* find(const char* name, bool (Json::*is)() const noexcept) {
    if (!wrong_.empty()) return nullptr;
    const auto found = object_.find(name);
    if (found == object_.end() || !((*found).*is)()) {
      note(fmt::format("\"{}\" is missing or has the wrong type", name));
      return nullptr;
    }
    return &*found;
  }

  void check_epoch(const char* name, std::uint64_t value) {
    if (value >= (std::uint64_t{1} << 53U)) note(fmt::format("\"{}\" is no epoch: {}", name, value));
  }

  void note(std::string wrong) {
    if (wrong_.empty()) wrong_ = std::move(wrong);
  }

  [[nodiscard]] bool has(const char* name) const { return wrong_.empty() && object_.contains(name); }

  [[nodiscard]] Result<void> outcome(std::string_view what) const {
    if (wrong_.empty()) return {};
    return fail(ErrorKind::invalid, fmt::format("{}: {}", what, wrong_));
  }

private:
  const Json& object_;
  std::string wrong_;
};

[[nodiscard]] inline std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace tandem::role
