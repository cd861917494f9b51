#include "config/problems.hpp"

#include "base/text.hpp"
#include "config/syntax.hpp"

namespace tandem::config {

namespace {

constexpr std::size_t most_problems = 100;
constexpr std::size_t longest_quote = 72; // bytes

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

} // namespace

std::string format(const Diagnostic& diagnostic) {
  auto text = fmt::format("{}:{}:{}: {}", diagnostic.file, diagnostic.line, diagnostic.column, diagnostic.problem);
  if (!diagnostic.expected.empty()) text += "\n  expected: " + diagnostic.expected;
  return text;
}

std::string format(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> texts;
  for (const auto& diagnostic : diagnostics)
    texts.push_back(format(diagnostic));
  return join(texts, "\n");
}

void Problems::add(Position at, std::string problem, std::string expected) {
  faults_.push_back({at, std::move(problem), std::move(expected)});
}

std::vector<Diagnostic> Problems::of(const std::string& file) const {
  std::multimap<Position, const Fault*> sorted; // those at one position stay in their order
  for (const auto& fault : faults_)
    sorted.emplace(fault.at, &fault);
  std::vector<Diagnostic> diagnostics;
  for (const auto& [at, fault] : sorted) {
    if (diagnostics.size() == most_problems) {
      const auto rest = sorted.size() - most_problems;
      diagnostics.push_back({file, at.line, at.column, fmt::format("{} more problems from here on", rest), ""});
      break;
    }
    diagnostics.push_back({file, at.line, at.column, fault->problem, fault->expected});
  }
  return diagnostics;
}

std::optional<Position> Places::find(const std::string& place) const {
  const auto found = places_.find(place);
  if (found == places_.end()) return std::nullopt;
  return found->second;
}

Position Places::at(std::string place) const {
  for (;;) {
    if (const auto found = find(place)) return *found;
    const auto end = place.find_last_of(".[");
    if (end == std::string::npos) return {};
    place.resize(end);
  }
}

std::string quote(std::string_view text) {
  const bool cut = text.size() > longest_quote;
  if (cut) {
    text = text.substr(0, longest_quote);
    // Never end within a character: drop its first bytes together with the rest.
    while (!text.empty() && continues_character(text.back()))
      text.remove_suffix(1);
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0U) text.remove_suffix(1);
  }
  return "\"" + escaped(text) + (cut ? "…\"" : "\"");
}

std::string alternatives(std::span<const std::string> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += "\"" + words[i] + "\"";
  }
  return text;
}

} // namespace tandem::config
