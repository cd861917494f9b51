// tandem.toml to values. Pure: the text comes in, the values or the problems go out; what a secret file
// says is asked through a function, so that nothing here does I/O.
#pragma once
#include "model/pair.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tandem::config {

// One thing that is wrong. Lines and columns count from 1, columns in characters.
struct Diagnostic {
  std::string file;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string problem;  // what is wrong
  std::string expected; // what would be right; may be empty
  bool operator==(const Diagnostic&) const = default;
};

// "FILE:LINE:COLUMN: problem\n  expected: …"
[[nodiscard]] std::string format(const Diagnostic& diagnostic);
// All of them, one below the other.
[[nodiscard]] std::string format(const std::vector<Diagnostic>& diagnostics);

struct Source {
  std::string path; // of the file, absolute: secrets are relative to its folder
  std::string text;
};

// A secret file that is there: its content, or nothing where it is enough that it is there.
struct SecretFound {
  // NOLINTNEXTLINE(google-explicit-constructor): a content is what is found
  SecretFound(std::string text) : content(std::move(text)) {}

  explicit SecretFound(std::nullopt_t nothing) : content(nothing) {}

  std::optional<std::string> content;
};

// nullopt when there is no such file that can be read.
using SecretReader = std::function<std::optional<SecretFound>(const std::string& absolute_path)>;

// The keys that are accepted, as paths ("site.database.name"), and the values of those that choose
// ("role.authority=operator").
using KeySet = std::set<std::string, std::less<>>;
[[nodiscard]] KeySet built_keys(); // those whose work this version does
[[nodiscard]] KeySet all_keys();   // the whole contract

struct Loaded {
  std::optional<model::Pair> pair;        // exactly when there are no problems
  std::vector<Diagnostic> problems;       // in the order of the file
  std::vector<model::SecretFile> secrets; // every file that the configuration names, each once
};

[[nodiscard]] Loaded load(const Source& source, const SecretReader& secret, const KeySet& accepted = built_keys());

} // namespace tandem::config
