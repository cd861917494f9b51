#include "peer/json.hpp"

#include <nlohmann/json.hpp>

namespace tandem::peer {

namespace {

constexpr int deepest = 64;

// The library parses any depth but prints by recursion, so depth is limited before anything is built.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > deepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::unexpected<Error> wrong(std::string_view name, std::string_view expected) {
  return fail(ErrorKind::invalid, fmt::format("member \"{}\" is missing or no {}", name, expected));
}

const Json* find(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

} // namespace

Result<Json> parse_json(std::string_view text) {
  if (too_deep(text)) return fail(ErrorKind::invalid, fmt::format("JSON nested deeper than {} levels", deepest));
  Json value = Json::parse(text.begin(), text.end(), nullptr, false);
  if (value.is_discarded()) return fail(ErrorKind::invalid, "text that is no JSON");
  return value;
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_pretty_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> text_member(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_string()) return wrong(name, "text");
  return member->get<std::string>();
}

Result<std::uint64_t> number_member(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_number_unsigned()) return wrong(name, "whole number");
  return member->get<std::uint64_t>();
}

Result<bool> flag_member(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_boolean()) return wrong(name, "true or false");
  return member->get<bool>();
}

Result<std::string> text_member_or(const Json& object, std::string_view name, std::string otherwise) {
  if (find(object, name) == nullptr) return otherwise;
  return text_member(object, name);
}

Result<std::uint64_t> number_member_or(const Json& object, std::string_view name, std::uint64_t otherwise) {
  if (find(object, name) == nullptr) return otherwise;
  return number_member(object, name);
}

Result<std::vector<std::string>> texts_member(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_array()) return wrong(name, "list of texts");
  std::vector<std::string> texts;
  for (const auto& item : *member) {
    if (!item.is_string()) return wrong(name, "list of texts");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

} // namespace tandem::peer
