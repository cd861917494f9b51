#include "sites/words.hpp"

#include "base/text.hpp"

namespace tandem::sites {

namespace {

// A shorter value ("1", "ru", "true") is no secret, and replacing it would garble the text.
constexpr std::size_t shortest_secret = 6;

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

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

Result<std::vector<std::string>> split_command(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false; // a word has begun, perhaps an empty one in quotes
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char letter = line[at];
    if (quote == 0 && is_blank(letter)) {
      if (inside) words.push_back(std::exchange(word, {}));
      inside = false;
      continue;
    }
    inside = true;
    if (letter == quote)
      quote = 0;
    else if (quote == 0 && (letter == '\'' || letter == '"'))
      quote = letter;
    else if (letter == '\\' && quote != '\'' && at + 1 < line.size())
      word += line[++at];
    else
      word += letter;
  }
  if (quote != 0) return fail(ErrorKind::invalid, fmt::format("a quote is left open in: {}", line));
  if (inside) words.push_back(std::move(word));
  if (words.empty()) return fail(ErrorKind::invalid, "there is no command");
  return words;
}

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

std::string systemd_variables(const std::map<std::string, std::string>& variables) {
  std::string text;
  for (const auto& [name, value] : variables) {
    text += name + "=\"";
    for (const char letter : value) {
      if (letter == '"' || letter == '\\' || letter == '`' || letter == '$') text += '\\';
      text += letter;
    }
    text += "\"\n";
  }
  return text;
}

Redactor::Redactor(const std::map<std::string, std::string>& secrets) {
  for (const auto& [name, value] : secrets)
    if (value.size() >= shortest_secret) secrets_.push_back(value);
  std::ranges::sort(secrets_, [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Redactor::operator()(std::string_view text) const {
  std::string clean(text);
  for (const auto& secret : secrets_)
    clean = replace_all(std::move(clean), secret, "***");
  return clean;
}

} // namespace tandem::sites
