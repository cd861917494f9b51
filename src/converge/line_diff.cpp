#include "converge/line_diff.hpp"

#include "base/text.hpp"

namespace tandem::converge {

namespace {

using Lines = std::vector<std::string>;

// Length of the longest common subsequence of a[i..] and b[j..]. Configuration files are small; the middle that
// differs is smaller still, since equal heads and tails are cut off before.
std::vector<std::vector<std::uint32_t>> common_lengths(std::span<const std::string> a, std::span<const std::string> b) {
  std::vector<std::vector<std::uint32_t>> table(a.size() + 1, std::vector<std::uint32_t>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      table[i][j] = a[i] == b[j] ? table[i + 1][j + 1] + 1 : std::max(table[i + 1][j], table[i][j + 1]);
  return table;
}

Lines diff_of_middles(std::span<const std::string> a, std::span<const std::string> b) {
  Lines out;
  constexpr std::size_t too_large = 4'000'000;
  const auto table = a.size() * b.size() > too_large ? std::vector<std::vector<std::uint32_t>>{} : common_lengths(a, b);
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (!table.empty() && i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i;
      ++j;
    } else if (j == b.size() || (i < a.size() && (table.empty() || table[i + 1][j] >= table[i][j + 1]))) {
      out.push_back("- " + a[i++]);
    } else {
      out.push_back("+ " + b[j++]);
    }
  }
  return out;
}

} // namespace

std::vector<std::string> line_diff(const std::string& before, const std::string& after, std::size_t limit) {
  const Lines old_lines = lines_of(before);
  const Lines new_lines = lines_of(after);
  std::span<const std::string> a(old_lines);
  std::span<const std::string> b(new_lines);
  while (!a.empty() && !b.empty() && a.front() == b.front()) {
    a = a.subspan(1);
    b = b.subspan(1);
  }
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a = a.first(a.size() - 1);
    b = b.first(b.size() - 1);
  }
  auto diff = diff_of_middles(a, b);
  if (diff.empty() && before != after) diff.emplace_back("(only the line end at the end of the file differs)");
  if (diff.size() > limit) {
    const auto rest = diff.size() - limit;
    diff.resize(limit);
    diff.push_back(fmt::format("… and {} more lines", rest));
  }
  return diff;
}

} // namespace tandem::converge
