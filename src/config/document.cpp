#include "config/document.hpp"

#include "config/syntax.hpp"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace tandem::config {

namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20U;
// toml++ recurses once for each part of a dotted key, and a key cannot leave its line: this bounds the stack.
constexpr std::size_t longest_line = 4096;

Position position_of(const toml::source_region& region) {
  return {std::max<std::uint32_t>(region.begin.line, 1), std::max<std::uint32_t>(region.begin.column, 1)};
}

Node convert(const toml::node& from);

Node::Table convert_table(const toml::table& from) {
  Node::Table members;
  members.reserve(from.size());
  for (const auto& [key, value] : from)
    members.push_back({std::string(key.str()), position_of(key.source()), convert(value)});
  std::ranges::stable_sort(members, {}, &Member::at);
  return members;
}

Node convert(const toml::node& from) {
  Node node{position_of(from.source()), Node::Other{"a date or a time"}};
  if (const auto* text = from.as_string()) node.value = text->get();
  if (const auto* number = from.as_integer()) node.value = number->get();
  if (const auto* number = from.as_floating_point()) node.value = number->get();
  if (const auto* flag = from.as_boolean()) node.value = flag->get();
  if (const auto* table = from.as_table()) node.value = convert_table(*table);
  if (const auto* array = from.as_array()) {
    Node::List list;
    list.reserve(array->size());
    for (const auto& element : *array)
      list.push_back(convert(element));
    node.value = std::move(list);
  }
  return node;
}

// What must hold before toml++ may see the text.
std::optional<Fault> outside_limits(std::string_view text) {
  if (text.size() > largest_file)
    return Fault{{}, fmt::format("the file is {} bytes long", text.size()), "at most 1 MiB"};
  std::uint32_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto line = text.substr(0, text.find('\n'));
    if (const auto valid = valid_utf8(line); valid < line.size()) {
      const auto column = static_cast<std::uint32_t>(characters_in(line.substr(0, valid))) + 1;
      return Fault{{number, column}, "a byte that is not UTF-8", "a file saved as UTF-8"};
    }
    if (line.size() > longest_line)
      return Fault{{number, 1},
                   fmt::format("a line of {} bytes", line.size()),
                   "at most 4096 bytes; lists may be broken into lines"};
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return std::nullopt;
}

// toml++ begins with "Error while parsing THING: "; the position says where, so only what is wrong is kept.
std::string without_prefix(std::string_view description) {
  constexpr std::string_view prefix = "Error while parsing ";
  if (description.starts_with(prefix)) description.remove_prefix(prefix.size());
  return "not TOML: in " + escaped(description);
}

} // namespace

std::string kind_of(const Node& node) {
  struct {
    std::string operator()(const Node::Other& other) const { return other.kind; }

    std::string operator()(const std::string&) const { return "a string"; }

    std::string operator()(std::int64_t) const { return "an integer"; }

    std::string operator()(double) const { return "a number with a fraction"; }

    std::string operator()(bool) const { return "a boolean"; }

    std::string operator()(const Node::List&) const { return "a list"; }

    std::string operator()(const Node::Table&) const { return "a table"; }
  } kind;

  return std::visit(kind, node.value);
}

std::expected<Node, Fault> parse(std::string_view text) {
  if (auto fault = outside_limits(text)) return std::unexpected(std::move(*fault));
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    return std::unexpected(Fault{position_of(error.source()), without_prefix(error.description()),
                                 "TOML, such as key = \"value\" or [table]"});
  }
  return Node{{}, convert_table(parsed.table())};
}

} // namespace tandem::config
