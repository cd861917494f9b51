// Which paths are left out, by rsync's pattern rules (rsync(1), FILTER RULES): a pattern that begins with "/" is meant
// from the root, one with another "/" for the end of the path, any other for one name; "/" at its end: folders alone;
// "*" and
// "?" stop at "/", "**" does not; "[a-z]" as in a shell. Pure.
#pragma once
#include "model/pair.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tandem::replication {

class Patterns {
public:
  Patterns() = default;
  explicit Patterns(const std::vector<std::string>& patterns);
  // As filter_rules() has them for rsync: of "- PATTERN" (or "-p PATTERN") and "+ PATTERN" the first that matches says
  // whether a name is left out, in words of "--filter=".
  static Patterns of_rules(const std::vector<std::string>& rules);

  // The path, relative to the root, or a folder on its way is left out. `folder`: what stands last is one.
  [[nodiscard]] bool leave_out(std::string_view path, bool folder) const;

  // The same where the folders on its way are known not to be.
  [[nodiscard]] bool leave_out_last(std::string_view path, bool folder) const;

  // Something below that folder may be left out by a pattern that names its place from the root on: folders that each
  // server has for itself, not kinds of files.
  [[nodiscard]] bool keeps_below(std::string_view folder) const;

  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

private:
  struct Pattern {
    std::string text;
    bool anchored = false;
    bool folders_only = false;
    bool whole_path = false; // for the end of the path, not for its last name alone
    bool keeps = false;      // what it matches is not left out
    bool wild = true;        // else a text, letter by letter
  };

  void take_all(std::string_view text, bool keeps);
  void take(std::string_view text, bool keeps, bool wild);
  static bool is_met(const Pattern& pattern, std::string_view path, bool folder);

  std::vector<std::string> texts_;
  std::vector<Pattern> patterns_;
};

// The pattern for all that is in the folders of one that ends with "/".
[[nodiscard]] std::string all_in(const std::string& folder);

// What the stream of a root leaves out: what [files] exclude names, folders that are not replicated, uploads that
// nobody has taken in yet, files under a temporary name, and code, which comes with its deploy.
[[nodiscard]] Patterns stream_patterns(const model::Pair& pair, const std::string& root);

} // namespace tandem::replication
