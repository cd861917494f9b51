#include "config/types.hpp"

#include "base/text.hpp"
#include "base/variables.hpp"
#include "config/rules.hpp"
#include "config/syntax.hpp"
#include "config/units.hpp"

namespace tandem::config {

namespace {

void report_kind(const Node& node, const Reading& reading, const std::string& expected) {
  reading.report(node.at, "this is " + kind_of(node), expected);
}

// The node's text when it is one that may go into a generated file.
std::optional<std::string> text_of(const Node& node, const Reading& reading, const std::string& expected,
                                   bool quotable = true) {
  const auto* text = node.as<std::string>();
  if (text == nullptr) {
    report_kind(node, reading, expected);
    return std::nullopt;
  }
  if (!is_printable(*text)) {
    reading.report(node.at,
                   (quotable ? quote(*text) : "this") + " has a line end or another character that does not print",
                   "one line of plain text");
    return std::nullopt;
  }
  return *text;
}

bool obeys(const std::string& text, const Rule& rule, Position at, const Reading& reading) {
  if (!rule.holds(text)) {
    reading.report(at, fmt::format("{} is not {}", rule.quotable ? quote(text) : "this", rule.noun), rule.expected);
    return false;
  }
  const auto* reason = rule.taken == nullptr ? nullptr : rule.taken(text);
  if (reason == nullptr) return true;
  reading.report(at, fmt::format("{} cannot be given: {}", quote(text), *reason), "another one, or no such line");
  return false;
}

std::optional<std::string> text_obeying(const Node& node, const Rule& rule, const Reading& reading) {
  auto text = text_of(node, reading, rule.expected, rule.quotable);
  if (!text || !obeys(*text, rule, node.at, reading)) return std::nullopt;
  return text;
}

std::optional<Value> read_list(const Node& node, const Rule& rule, const Reading& reading, bool unique) {
  const auto* elements = node.as<Node::List>();
  if (elements == nullptr) {
    report_kind(node, reading, "a list in [ ], each " + rule.expected);
    return std::nullopt;
  }
  std::vector<std::string> texts;
  std::set<std::string> seen;
  bool whole = true;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const auto& element = (*elements)[i];
    reading.note(fmt::format("[{}]", i), element.at);
    auto text = text_obeying(element, rule, reading);
    if (text && unique && !seen.insert(*text).second) {
      reading.report(element.at, quote(*text) + " stands twice in this list", "each once");
      text.reset();
    }
    whole = whole && text.has_value();
    if (text) texts.push_back(std::move(*text));
  }
  if (!whole) return std::nullopt;
  return texts;
}

using Scalar = std::optional<std::string> (*)(const Node&, const Rule&, const Reading&);

std::optional<std::string> any_scalar(const Node& node, const Rule& rule, const Reading& reading) {
  if (const auto* number = node.as<std::int64_t>()) return fmt::format("{}", *number);
  if (const auto* number = node.as<double>(); number != nullptr && std::isfinite(*number))
    return fmt::format("{}", *number);
  if (const auto* value = node.as<bool>()) return *value ? "true" : "false";
  return text_obeying(node, rule, reading);
}

std::optional<Value> read_map(const Node& node, const Rule& key, const Rule& value, const Reading& reading,
                              Scalar scalar) {
  const auto* members = node.as<Node::Table>();
  if (members == nullptr) {
    report_kind(node, reading, fmt::format("a table {{ name = value }}, each name {}", key.expected));
    return std::nullopt;
  }
  std::map<std::string, std::string> texts;
  bool whole = true;
  for (const auto& member : *members) {
    reading.note("." + member.key, member.at);
    const bool named = obeys(member.key, key, member.at, reading);
    auto text = scalar(member.node, value, reading);
    whole = whole && named && text;
    if (named && text) texts.emplace(member.key, std::move(*text));
  }
  if (!whole) return std::nullopt;
  return texts;
}

// A type whose text a function turns into a value, and whose range another one checks.
template <class Parse, class InRange>
Type measured(std::string name, std::string noun, std::string expected, Parse parse, InRange in_range) {
  auto read = [noun, expected, parse, in_range](const Node& node, const Reading& reading) -> std::optional<Value> {
    const auto text = text_of(node, reading, expected);
    if (!text) return std::nullopt;
    std::optional<Value> value = parse(*text);
    if (!value) reading.report(node.at, fmt::format("{} is not {}", quote(*text), noun), expected);
    if (!value || in_range(*value)) return value;
    reading.report(node.at, fmt::format("{} is out of range", quote(*text)), expected);
    return std::nullopt;
  };
  return {std::move(name), std::move(expected), std::move(read)};
}

Type duration_type(std::string name, std::string expected, model::Seconds least, model::Seconds most, bool automatic) {
  const auto parse = [automatic](std::string_view text) -> std::optional<Value> {
    if (automatic && text == "auto") return Value{};
    const auto parsed = parse_duration(text);
    return parsed ? std::optional<Value>(*parsed) : std::nullopt;
  };
  const auto in_range = [least, most](const Value& value) {
    const auto* seconds = std::get_if<model::Seconds>(&value);
    return seconds == nullptr || (*seconds >= least && *seconds <= most);
  };
  return measured(std::move(name), "a duration", std::move(expected), parse, in_range);
}

} // namespace

Type flag() {
  const std::string expected = "true or false, without quotes";
  return {"true or false", expected, [expected](const Node& node, const Reading& reading) -> std::optional<Value> {
            if (const auto* value = node.as<bool>()) return *value;
            report_kind(node, reading, expected);
            return std::nullopt;
          }};
}

Type count(std::int64_t least, std::int64_t most) {
  const auto expected = fmt::format("a whole number from {} to {}", least, most);
  auto read = [=](const Node& node, const Reading& reading) -> std::optional<Value> {
    const auto* number = node.as<std::int64_t>();
    if (number == nullptr)
      report_kind(node, reading, expected);
    else if (*number < least || *number > most)
      reading.report(node.at, fmt::format("{} is out of range", *number), expected);
    else
      return *number;
    return std::nullopt;
  };
  return {"number", expected, read};
}

Type port() {
  return count(1, 65535);
}

Type duration(model::Seconds least, model::Seconds most) {
  auto expected = fmt::format("a number with s, m, h, d or w, such as \"10s\" or \"1h\", from {} to {}",
                              show_duration(least), show_duration(most));
  return duration_type("duration", std::move(expected), least, most, false);
}

Type duration_or_auto(model::Seconds least, model::Seconds most) {
  auto expected = fmt::format("\"auto\", or a number with s, m, h, d or w, such as \"20d\", from {} to {}",
                              show_duration(least), show_duration(most));
  return duration_type("duration or \"auto\"", std::move(expected), least, most, true);
}

Type size(model::Bytes least, model::Bytes most) {
  auto expected = fmt::format("a number with kB, MB, GB or TB, such as \"256MB\", from {} to {}", show_size(least),
                              show_size(most));
  const auto parse = [](std::string_view text) -> std::optional<Value> {
    const auto bytes = parse_size(text);
    return bytes ? std::optional<Value>(static_cast<std::int64_t>(*bytes)) : std::nullopt;
  };
  const auto in_range = [least, most](const Value& value) {
    const auto bytes = static_cast<model::Bytes>(std::get<std::int64_t>(value));
    return bytes >= least && bytes <= most;
  };
  return measured("size", "a size", std::move(expected), parse, in_range);
}

Type percentage() {
  const auto parse = [](std::string_view text) -> std::optional<Value> {
    const auto part = parse_percent(text);
    return part ? std::optional<Value>(*part) : std::nullopt;
  };
  return measured("percentage", "a percentage", "a number from 0 to 100 with %, such as \"10%\"", parse,
                  [](const Value&) { return true; });
}

Type choice(std::vector<std::string> values) {
  const auto expected = alternatives(values);
  auto read = [values, expected](const Node& node, const Reading& reading) -> std::optional<Value> {
    const auto text = text_of(node, reading, expected);
    if (!text) return std::nullopt;
    if (std::ranges::find(values, *text) != values.end()) return *text;
    reading.report(node.at, quote(*text) + " is none of the choices", expected);
    return std::nullopt;
  };
  return {expected, expected, read, std::move(values)};
}

Type text(const Rule& rule) {
  return {"text", rule.expected, [rule](const Node& node, const Reading& reading) -> std::optional<Value> {
            auto text = text_obeying(node, rule, reading);
            return text ? std::optional<Value>(std::move(*text)) : std::nullopt;
          }};
}

Type text_or_none(const Rule& rule) {
  auto type = text(rule);
  type.read = [inner = type.read](const Node& node, const Reading& reading) -> std::optional<Value> {
    if (const auto* text = node.as<std::string>(); text != nullptr && text->empty()) return Value{};
    return inner(node, reading);
  };
  return type;
}

Type secret_file() {
  auto type = text_or_none(rules::file_path);
  type.name = "file";
  type.names_secret = true;
  return type;
}

Type variables_file() {
  auto type = secret_file();
  type.check_secret = [](std::string_view content) -> Result<void> {
    TANDEM_CHECK(parse_variables(content));
    return {};
  };
  type.secret_expected = "NAME=VALUE on each line, or a remark that begins with #";
  return type;
}

namespace {

// `what` it holds, in one word.
Type line_file(const std::string& what) {
  constexpr std::size_t longest = 511; // crypt(3)
  auto type = secret_file();
  type.check_secret = [what](std::string_view content) -> Result<void> {
    const auto line = without_line_end(content);
    if (line.empty()) return fail(ErrorKind::invalid, "there is no " + what + " in it");
    if (line.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos)
      return fail(ErrorKind::invalid, "it has more than one line");
    if (line.size() > longest) return fail(ErrorKind::invalid, "the " + what + " is longer than 511 bytes");
    return {};
  };
  type.secret_expected = "the " + what + ", on one line";
  return type;
}

} // namespace

Type password_file() {
  return line_file("password");
}

Type shared_secret_file() {
  return line_file("secret");
}

Type list(const Rule& rule) {
  return {"list", "a list in [ ]",
          [rule](const Node& node, const Reading& reading) { return read_list(node, rule, reading, false); }};
}

Type set(const Rule& rule) {
  return {"list", "a list in [ ]",
          [rule](const Node& node, const Reading& reading) { return read_list(node, rule, reading, true); }};
}

Type arguments() {
  auto type = list(rules::any_text);
  type.read = [inner = type.read](const Node& node, const Reading& reading) -> std::optional<Value> {
    auto value = inner(node, reading);
    if (!value) return value;
    const auto& words = std::get<std::vector<std::string>>(*value);
    if (words.empty() || is_absolute_path(words.front())) return value;
    reading.report(node.at, quote(words.front()) + " is not a program's absolute path",
                   "[\"/usr/local/bin/program\", \"argument\", …]; it is not run by a shell");
    return std::nullopt;
  };
  return type;
}

Type texts_by(const Rule& key, const Rule& value) {
  return {"table", "a table in { }", [key, value](const Node& node, const Reading& reading) {
            return read_map(node, key, value, reading, text_obeying);
          }};
}

Type settings_by(const Rule& key) {
  return {"table", "a table in { }", [key](const Node& node, const Reading& reading) {
            return read_map(node, key, rules::setting_value, reading, any_scalar);
          }};
}

} // namespace tandem::config
