// The types that a key can have: each reads a node into a Value or says what is wrong with it.
#pragma once
#include "base/result.hpp"
#include "config/document.hpp"

namespace tandem::config {

// monostate: given, but meaning "none" or "auto".
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, model::Seconds, model::SecretFile,
                           std::vector<std::string>, std::map<std::string, std::string>>;

// What one text must look like.
struct Rule {
  std::string noun;     // "a user name", as in `"Bob" is not a user name`
  std::string expected; // how a right one looks
  bool (*holds)(std::string_view);
  // Why a right one is still not to be had; nullptr: it is.
  const std::string* (*taken)(std::string_view) = nullptr;
  bool quotable = true; // a message may repeat the text; false where a secret could have got there
};

// Takes one fault of the value being read.
using Report = std::function<void(Position at, std::string problem, std::string expected)>;
// Takes the place of a part of the value, "[1]" or "./static/".
using NotePart = std::function<void(const std::string& part, Position at)>;

struct Reading {
  const Report& report;
  const NotePart& note;
};

struct Type {
  std::string name;     // for the reference: "duration"
  std::string expected; // for messages: how a right value looks
  std::function<std::optional<Value>(const Node&, const Reading&)> read;
  std::vector<std::string> choices = {}; // of a choice, all of them
  bool names_secret = false;             // the text is the path of a secret file
  // What its content has to be, where that is known. The error must not quote it.
  std::function<Result<void>(std::string_view content)> check_secret = {};
  std::string secret_expected = {};
};

// A key that takes one of several things gets a type from the nearest factory below; all limits are inclusive.
[[nodiscard]] Type flag();
[[nodiscard]] Type count(std::int64_t least, std::int64_t most);
[[nodiscard]] Type port();
[[nodiscard]] Type duration(model::Seconds least, model::Seconds most);
[[nodiscard]] Type duration_or_auto(model::Seconds least, model::Seconds most);
[[nodiscard]] Type size(model::Bytes least, model::Bytes most);
[[nodiscard]] Type percentage();
[[nodiscard]] Type choice(std::vector<std::string> values);
[[nodiscard]] Type text(const Rule& rule);
// As text, and "" means none.
[[nodiscard]] Type text_or_none(const Rule& rule);
[[nodiscard]] Type secret_file();
[[nodiscard]] Type password_file();      // its content is one line
[[nodiscard]] Type shared_secret_file(); // the same
// One of NAME=VALUE lines.
[[nodiscard]] Type variables_file();
[[nodiscard]] Type list(const Rule& rule);
// A list in which nothing may stand twice.
[[nodiscard]] Type set(const Rule& rule);
// A list of arguments whose first is a program's absolute path; empty: none.
[[nodiscard]] Type arguments();
// A table whose keys the operator chooses; values are texts.
[[nodiscard]] Type texts_by(const Rule& key, const Rule& value);
// The same for the settings of an engine: numbers, true and false are taken too, as "8", "true".
[[nodiscard]] Type settings_by(const Rule& key);

} // namespace tandem::config
