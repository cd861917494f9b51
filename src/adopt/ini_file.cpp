#include "adopt/ini_file.hpp"

#include "base/text.hpp"

namespace tandem::adopt {

namespace {

// A chain of placeholders doubles with each link; no file of a person's needs more.
constexpr std::size_t longest_expansion = 4096;

std::string without_suffix(const std::string& name) {
  return name.substr(0, name.rfind('.'));
}

const std::string* value_above(const std::vector<IniLine>& above, std::string_view key) {
  for (auto line = above.rbegin(); line != above.rend(); ++line)
    if (line->key == key) return &line->value;
  return nullptr;
}

} // namespace

const IniLine* IniFile::last(std::string_view section, std::string_view key) const {
  const IniLine* found = nullptr;
  for (const auto& line : lines)
    if (line.section == section && line.key == key) found = &line;
  return found;
}

IniFile parse_ini(std::string_view text) {
  IniFile file;
  std::string section;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto number = i + 1;
    std::string whole(trim(lines[i]));
    if (whole.empty() || whole[0] == '#' || whole[0] == ';') continue;
    while (whole.ends_with('\\') && i + 1 < lines.size()) {
      whole.back() = ' ';
      whole += trim(lines[++i]);
    }
    if (whole.front() == '[' && whole.back() == ']') {
      section = whole.substr(1, whole.size() - 2);
      continue;
    }
    const auto equals = whole.find('=');
    const auto key = trim(std::string_view(whole).substr(0, equals));
    if (key.empty() || key.front() == '[') {
      file.strangers.push_back(number);
      continue;
    }
    const auto value = equals == std::string::npos ? std::string_view() : std::string_view(whole).substr(equals + 1);
    file.lines.push_back({section, std::string(key), std::string(trim(value)), number});
  }
  return file;
}

std::string expand_uwsgi(const std::string& value, const std::string& path, const std::vector<IniLine>& above) {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string text;
  for (std::size_t at = 0; at < value.size() && text.size() < longest_expansion; ++at) {
    const auto rest = std::string_view(value).substr(at);
    if (rest.starts_with("%n")) {
      text += without_suffix(name);
    } else if (rest.starts_with("%d")) {
      text += slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
    } else if (rest.starts_with("%p")) {
      text += path;
    } else if (const auto end = rest.find(')'); rest.starts_with("%(") && end != std::string_view::npos) {
      const auto* found = value_above(above, rest.substr(2, end - 2));
      text += found == nullptr ? std::string(rest.substr(0, end + 1)) : *found;
      at += end;
      continue;
    } else {
      text += value[at];
      continue;
    }
    ++at;
  }
  return text;
}

} // namespace tandem::adopt
