// Configuration of nginx as a tree of directives. Pure; any text may come.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::adopt {

struct Directive {
  std::string name;
  std::vector<std::string> arguments; // without their quotes
  std::vector<Directive> block;       // what stands between its braces
  bool has_block = false;
  std::size_t line = 0; // counted from 1

  // The first of that name in the block; nullptr when there is none.
  [[nodiscard]] const Directive* find(std::string_view wanted) const;
  // "name argument argument", as a person would type it.
  [[nodiscard]] std::string text() const;
};

struct NginxFile {
  std::vector<Directive> directives; // up to the mistake, if there is one
  std::size_t mistake = 0;           // the line of what nginx would not read either; 0: there is none
};

[[nodiscard]] NginxFile parse_nginx(std::string_view text);

} // namespace tandem::adopt
