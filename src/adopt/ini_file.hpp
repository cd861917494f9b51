// Files of KEY = VALUE lines in [sections]: uWSGI's and systemd's. Pure; any text may come.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::adopt {

struct IniLine {
  std::string section; // without its brackets
  std::string key;
  std::string value;
  std::size_t line = 0; // counted from 1
};

struct IniFile {
  std::vector<IniLine> lines;         // in the order of the file; a key may stand several times
  std::vector<std::size_t> strangers; // lines that are neither a section nor KEY = VALUE

  // The last of that key in that section, as systemd counts; nullptr when there is none.
  [[nodiscard]] const IniLine* last(std::string_view section, std::string_view key) const;
};

// Comments begin with # or ;. A backslash at the end of a line goes on with the next one. A line of a key alone is one
// with an empty value.
[[nodiscard]] IniFile parse_ini(std::string_view text);

// uWSGI's placeholders: %n, %d and %p of the file's own path, %(name) of the keys above. Unknown ones stay.
[[nodiscard]] std::string expand_uwsgi(const std::string& value, const std::string& path,
                                       const std::vector<IniLine>& above);

} // namespace tandem::adopt
