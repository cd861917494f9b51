// The file as a tree with positions, in its own order. Keeps toml++ out of everything else.
#pragma once
#include "config/problems.hpp"

namespace tandem::config {

struct Member;

struct Node {
  // A kind of value that no key takes, such as a date.
  struct Other {
    std::string kind;
  };

  using List = std::vector<Node>;
  using Table = std::vector<Member>; // in the order of the file

  Position at;
  std::variant<Other, std::string, std::int64_t, double, bool, List, Table> value;

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&value);
  }
};

struct Member {
  std::string key;
  Position at; // of the key
  Node node;
};

// "a string", "an integer", "a table" …
[[nodiscard]] std::string kind_of(const Node& node);

// The table at the top. The first fault of the syntax, of UTF-8 or of the limits (1 MiB, 4096 bytes a line) ends it.
[[nodiscard]] std::expected<Node, Fault> parse(std::string_view text);

} // namespace tandem::config
