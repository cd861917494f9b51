// JSON as the rest of tandem sees it: nlohmann's type, only declared here. Sources that look inside include
// <nlohmann/json.hpp> themselves.
#pragma once
#include "base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::peer {

using Json = nlohmann::json;

// The whole text as one JSON value. Refuses what is no JSON, invalid UTF-8, and nesting deeper than 64.
Result<Json> parse_json(std::string_view text);
// One line. Bytes that are no UTF-8 (a program's output, say) are replaced, never an error.
std::string to_text(const Json& value);
// Indented, for a person.
std::string to_pretty_text(const Json& value);

// Members of an object by name and type; an error of kind invalid names the member and what was expected.
Result<std::string> text_member(const Json& object, std::string_view name);
Result<std::uint64_t> number_member(const Json& object, std::string_view name);
Result<bool> flag_member(const Json& object, std::string_view name);
// The same, but a missing or null member is the default; a member of a wrong type is still an error.
Result<std::string> text_member_or(const Json& object, std::string_view name, std::string otherwise);
Result<std::uint64_t> number_member_or(const Json& object, std::string_view name, std::uint64_t otherwise);
Result<std::vector<std::string>> texts_member(const Json& object, std::string_view name);

} // namespace tandem::peer
