#include "base/variables.hpp"

#include "base/text.hpp"

namespace tandem {

namespace {

bool is_name(std::string_view text) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
  return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos &&
         !(text[0] >= '0' && text[0] <= '9');
}

Result<std::string> unquoted(std::string_view value) {
  if (value.empty() || (value[0] != '"' && value[0] != '\'')) return std::string(value);
  if (value.size() < 2 || value.back() != value[0]) return fail(ErrorKind::invalid, "a quote is left open");
  const auto inner = value.substr(1, value.size() - 2);
  if (value[0] == '\'') return std::string(inner);
  std::string text;
  for (std::size_t at = 0; at < inner.size(); ++at) {
    if (inner[at] == '\\' && at + 1 < inner.size()) ++at;
    text += inner[at];
  }
  return text;
}

} // namespace

Result<std::map<std::string, std::string>> parse_variables(std::string_view text) {
  std::map<std::string, std::string> variables;
  std::size_t number = 0;
  for (const auto& whole : lines_of(text)) {
    ++number;
    auto line = trim(whole);
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("export ")) line = trim(line.substr(7));
    const auto equals = line.find('=');
    const auto name = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(name))
      return fail(ErrorKind::invalid, fmt::format("line {} is not of the form NAME=VALUE", number));
    auto value = unquoted(trim(line.substr(equals + 1)));
    if (!value) return std::unexpected(std::move(value).error().within(fmt::format("line {}", number)));
    variables[std::string(name)] = *std::move(value);
  }
  return variables;
}

} // namespace tandem
