#include "adopt/unit_file.hpp"

#include "adopt/ini_file.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "sites/words.hpp"

namespace tandem::adopt {

namespace {

std::string with_instance(const ServiceUnit& unit, std::string text) {
  const auto base = unit.name.substr(0, unit.name.rfind('.'));
  text = replace_all(std::move(text), "%i", unit.instance);
  text = replace_all(std::move(text), "%I", unit.instance); // escapes of systemd's are no part of a domain
  return replace_all(std::move(text), "%n", base + ".service");
}

// systemd's rule: $NAME as a word of its own becomes words, ${NAME} anywhere stays within its word.
std::vector<std::string> with_variables(const std::vector<std::string>& words,
                                        const std::map<std::string, std::string>& variables) {
  std::vector<std::string> result;
  for (const auto& word : words) {
    const auto alone =
        word.starts_with('$') && !word.starts_with("${") ? variables.find(word.substr(1)) : variables.end();
    if (alone != variables.end()) {
      if (const auto more = sites::split_command(alone->second))
        result.insert(result.end(), more->begin(), more->end());
      continue;
    }
    auto text = word;
    for (const auto& [name, value] : variables)
      text = replace_all(std::move(text), "${" + name + "}", value);
    result.push_back(std::move(text));
  }
  return result;
}

std::map<std::string, std::string> stated_variables(const ServiceUnit& unit, const IniFile& ini) {
  std::map<std::string, std::string> variables;
  for (const auto& line : ini.lines) {
    if (line.section != "Service" || line.key != "Environment") continue;
    const auto words = sites::split_command(with_instance(unit, line.value));
    if (!words) continue;
    for (const auto& word : *words)
      if (const auto equals = word.find('='); equals != std::string::npos)
        variables[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return variables;
}

} // namespace

const std::string* Found::file(const std::string& path) const {
  const auto found = files.find(path);
  return found == files.end() ? nullptr : &found->second;
}

std::vector<std::string> Found::in(const std::string& folder) const {
  std::vector<std::string> paths;
  for (const auto& [path, text] : files)
    if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == std::string::npos) paths.push_back(path);
  return paths;
}

bool Found::has_package(std::string_view name) const {
  return std::ranges::find(packages, name, &PackageFound::name) != packages.end();
}

std::vector<std::string> variable_files_of(const ServiceUnit& unit, const std::string& text) {
  std::vector<std::string> paths;
  for (const auto& line : parse_ini(text).lines) {
    if (line.section != "Service" || line.key != "EnvironmentFile") continue;
    auto path = with_instance(unit, line.value);
    if (path.starts_with('-')) path = path.substr(1);
    if (path.starts_with('/')) paths.push_back(std::move(path));
  }
  return paths;
}

std::vector<std::string> ini_files_of(const std::vector<std::string>& words) {
  std::vector<std::string> paths;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto& word = words[i];
    std::string path;
    if (word == "--ini" && i + 1 < words.size())
      path = words[i + 1];
    else if (word.starts_with("--ini="))
      path = word.substr(6);
    else if (!word.starts_with('-') && word.ends_with(".ini"))
      path = word;
    if (path.starts_with('/') && std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
  }
  return paths;
}

std::string emperor_folder_of(const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].starts_with("--emperor=")) return words[i].substr(10);
    if (words[i] == "--emperor" && i + 1 < words.size()) return words[i + 1];
  }
  return {};
}

Service understand_service(const ServiceUnit& unit, const Found& found) {
  Service service;
  const auto* text = found.file(unit.path);
  if (text == nullptr) return service;
  const auto ini = parse_ini(*text);
  service.variables = stated_variables(unit, ini);
  service.variable_files = variable_files_of(unit, *text);
  for (const auto& path : service.variable_files)
    if (const auto* content = found.file(path))
      if (auto more = parse_variables(*content))
        for (auto& [name, value] : *more)
          service.variables[name] = value;
  const auto said = [&](const char* key) {
    const auto* line = ini.last("Service", key);
    return line == nullptr ? std::string() : with_instance(unit, line->value);
  };
  service.user = said("User");
  service.folder = said("WorkingDirectory");
  for (const auto& line : ini.lines) {
    if (line.section != "Service" || line.key != "ExecStart" || line.value.empty()) continue;
    auto command = with_instance(unit, line.value);
    command.erase(0, command.find_first_not_of("@-:+!"));
    service.line = line.line;
    if (const auto words = sites::split_command(command)) service.words = with_variables(*words, service.variables);
    break;
  }
  return service;
}

} // namespace tandem::adopt
