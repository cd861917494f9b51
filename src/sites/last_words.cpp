#include "sites/last_words.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace tandem::sites {

namespace {

constexpr std::size_t most_lines = 15;

bool is_head(std::string_view line) {
  return line.starts_with("Traceback (most recent call last):");
}

// Where the traceback that begins there has its error, which is the first line after it that is not indented.
std::optional<std::size_t> error_of(const std::vector<std::string>& lines, std::size_t head) {
  for (auto at = head + 1; at < lines.size(); ++at)
    if (!lines[at].empty() && lines[at][0] != ' ') return at;
  return std::nullopt;
}

std::vector<std::string> until(const std::vector<std::string>& lines, std::size_t begin, std::size_t last) {
  begin = std::max(begin, last + 1 - std::min(last + 1, most_lines));
  return {lines.begin() + static_cast<std::ptrdiff_t>(begin), lines.begin() + static_cast<std::ptrdiff_t>(last) + 1};
}

} // namespace

std::vector<std::string> last_words(const std::vector<std::string>& lines) {
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const auto error = is_head(lines[at]) ? error_of(lines, at) : std::nullopt;
    if (error && !is_head(lines[*error]) && !lines[*error].starts_with("KeyboardInterrupt"))
      return until(lines, at, *error);
  }
  return lines.empty() ? lines : until(lines, 0, lines.size() - 1);
}

} // namespace tandem::sites
