// Collects what is wrong, with positions, so that one reading names every mistake of the file.
#pragma once
#include "config/load.hpp"

namespace tandem::config {

struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Position&) const = default;
};

struct Fault {
  Position at;
  std::string problem;
  std::string expected;
};

class Problems {
public:
  void add(Position at, std::string problem, std::string expected);

  void add(Fault fault) { add(fault.at, std::move(fault.problem), std::move(fault.expected)); }

  [[nodiscard]] bool empty() const { return faults_.empty(); }

  // So many that nobody reads more: no work need go into further ones.
  [[nodiscard]] bool many() const { return faults_.size() > 1000; }

  // Sorted by position, the first hundred and the number of the rest.
  [[nodiscard]] std::vector<Diagnostic> of(const std::string& file) const;

private:
  std::vector<Fault> faults_;
};

// Where each value of the file stands, by its place: "site[0].aliases[1]", "site[0].serve./static/".
class Places {
public:
  void note(const std::string& place, Position at) { places_.emplace(place, at); }

  [[nodiscard]] std::optional<Position> find(const std::string& place) const;
  // The position of the place, else of the nearest thing around it that the file has.
  [[nodiscard]] Position at(std::string place) const;

private:
  std::unordered_map<std::string, Position> places_;
};

// The text in quotes, escaped, long ones cut.
[[nodiscard]] std::string quote(std::string_view text);
// `"a", "b" or "c"`
[[nodiscard]] std::string alternatives(std::span<const std::string> words);

} // namespace tandem::config
