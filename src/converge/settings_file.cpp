#include "converge/settings_file.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace tandem::converge {

namespace {

bool belongs_to_name(unsigned char letter) {
  return std::isalnum(letter) != 0 || letter == '_' || letter == '.' || letter == '$';
}

// What stands between quotes, with both spellings of a quote inside.
std::string unquoted(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool has_next = i + 1 < text.size();
    const bool is_escape = text[i] == '\\' || (text[i] == '\'' && has_next && text[i + 1] == '\'');
    if (text[i] == '\'' && !is_escape) break;
    if (is_escape && has_next) ++i;
    value += text[i];
  }
  return value;
}

std::string value_in(std::string_view text) {
  if (text.starts_with('\'')) return unquoted(text);
  return std::string(text.substr(0, text.find_first_of(" \t#")));
}

} // namespace

DatabaseSettings parse_settings(const std::string& text) {
  DatabaseSettings settings;
  for (const auto& whole : lines_of(text)) {
    const auto line = trim(whole);
    const auto end = std::ranges::find_if_not(line, belongs_to_name);
    std::string name(line.begin(), end);
    if (name.empty()) continue;
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    auto rest = trim(std::string_view(end, line.end()));
    if (rest.starts_with('=')) rest = trim(rest.substr(1)); // it may be left out
    settings[name] = value_in(rest);
  }
  return settings;
}

std::vector<std::string> differing_names(const DatabaseSettings& one, const DatabaseSettings& other) {
  std::set<std::string> names;
  for (const auto& [name, value] : one)
    if (const auto found = other.find(name); found == other.end() || found->second != value) names.insert(name);
  for (const auto& [name, value] : other)
    if (!one.contains(name)) names.insert(name);
  return {names.begin(), names.end()};
}

bool standby_needs_as_much(const std::string& name) {
  static const std::set<std::string, std::less<>> names{"max_connections", "max_locks_per_transaction",
                                                        "max_prepared_transactions", "max_wal_senders",
                                                        "max_worker_processes"};
  return names.contains(name);
}

std::map<std::string, std::int64_t> needed_by_standby(const std::string& control_data) {
  constexpr std::string_view word = " setting:";
  std::map<std::string, std::int64_t> needed;
  for (const auto& line : lines_of(control_data)) {
    const auto end = line.find(word);
    if (end == std::string::npos) continue;
    auto name = line.substr(0, end);
    if (name == "max_prepared_xacts") name = "max_prepared_transactions";
    if (name == "max_locks_per_xact") name = "max_locks_per_transaction";
    const auto number = to_number(trim(std::string_view(line).substr(end + word.size())));
    if (number && standby_needs_as_much(name)) needed[name] = *number;
  }
  return needed;
}

} // namespace tandem::converge
