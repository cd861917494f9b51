// Two folders compared in all that must be equal on both servers.
#pragma once
#include "system/tree.hpp"

#include <fmt/format.h>

#include <fstream>
#include <functional>

namespace tandem::trees {

using system::FileType;

// A line for each name below the folder, with all that must be equal.
inline std::map<std::string, std::string> picture(const std::string& root) {
  std::map<std::string, std::string> lines;
  const auto tree = system::Tree::open(root);
  std::map<system::FileId, std::string> first_names; // of files that have several
  const std::function<void(const std::string&)> walk = [&](const std::string& path) {
    const auto node = *tree->look(path);
    std::string text = fmt::format("{} {:o} {}:{} {} {} -> {}", static_cast<int>(node.type), node.mode, node.uid,
                                   node.gid, node.size, node.modified_ns, node.target);
    for (const auto& [name, value] : node.attributes)
      text += fmt::format(" {}={}", name, value);
    if (node.type == FileType::regular) {
      std::ifstream file(root + "/" + path, std::ios::binary);
      const std::string content(std::istreambuf_iterator<char>(file), {});
      text += fmt::format(" #{}", std::hash<std::string>()(content));
      if (const auto [first, fresh] = first_names.try_emplace(node.id, path); !fresh) text += " = " + first->second;
    }
    lines[path] = text;
    if (node.type != FileType::folder) return;
    const auto names = *tree->list(path);
    for (const auto& name : names)
      if (!name.ends_with(".left")) // what is left out may be on one side alone
        walk(path.empty() ? name : path + "/" + name);
  };
  walk("");
  return lines;
}

// The names at which two pictures differ, with both lines of the first few.
inline std::string difference(const std::map<std::string, std::string>& one,
                              const std::map<std::string, std::string>& other) {
  std::string text;
  int count = 0;
  for (const auto& [path, line] : one)
    if (const auto there = other.find(path); (there == other.end() || there->second != line) && ++count <= 3)
      text += fmt::format("{}\n  {}\n  {}\n", path, line, there == other.end() ? "none" : there->second);
  for (const auto& [path, line] : other)
    if (!one.contains(path) && ++count <= 3) text += fmt::format("{}\n  none\n  {}\n", path, line);
  return count == 0 ? "" : fmt::format("{} differ\n{}", count, text);
}

} // namespace tandem::trees
