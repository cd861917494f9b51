#include "sites/words.hpp"

#include "base/text.hpp"

namespace tandem::sites {

namespace {

// A shorter value ("1", "ru", "true") is no secret, and replacing it would garble the text.
constexpr std::size_t shortest_secret = 6;

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
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
