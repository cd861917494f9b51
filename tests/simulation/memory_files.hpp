// Files in memory, with what a disk can do to us: a write or append that fails half way, and a power cut that
// leaves a piece of the last append. Records nothing else; folders are not checked.
#pragma once
#include "system/files.hpp"

#include <map>
#include <optional>
#include <string>

namespace tandem::testing {

class MemoryFiles final : public system::Files {
public:
  std::map<std::string, std::string> contents;
  // Set: the next append keeps so many of its bytes and fails, or the next write fails.
  std::optional<std::size_t> break_append_at;
  bool break_write = false;
  bool disk_full = false; // nothing more can be written
  int syncs = 0;          // durable operations so far

  Result<std::optional<system::FileStatus>> status(const std::string& path) override {
    const auto found = contents.find(path);
    if (found == contents.end()) return std::nullopt;
    system::FileStatus status;
    status.type = system::FileType::regular;
    status.size = found->second.size();
    return std::optional(status);
  }

  Result<std::string> read(const std::string& path) override {
    const auto found = contents.find(path);
    if (found == contents.end()) return fail(ErrorKind::not_found, path + " does not exist");
    return found->second;
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    std::vector<std::string> names;
    for (const auto& [name, text] : contents) {
      if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
    }
    return names;
  }

  Result<void> write(const std::string& path, const std::string& content, std::uint32_t, system::Ownership) override {
    if (disk_full || std::exchange(break_write, false)) return failed("writing " + path + ": no space left on device");
    contents[path] = content;
    ++syncs;
    return {};
  }

  Result<void> append(const std::string& path, const std::string& content) override {
    if (disk_full) return failed("appending to " + path + ": no space left on device");
    if (const auto kept = std::exchange(break_append_at, std::nullopt)) {
      contents[path] += content.substr(0, *kept);
      return failed("appending to " + path + ": no space left on device");
    }
    contents[path] += content;
    ++syncs;
    return {};
  }

  Result<void> make_folder(const std::string&, std::uint32_t, system::Ownership) override { return {}; }

  Result<void> make_link(const std::string& path, const std::string&) override { return unsupported(path); }

  Result<void> set_mode(const std::string& path, std::uint32_t) override { return unsupported(path); }

  Result<void> set_owner(const std::string& path, system::Ownership) override { return unsupported(path); }

  Result<void> rename(const std::string& from, const std::string& to) override {
    contents[to] = contents[from];
    contents.erase(from);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    contents.erase(path);
    return {};
  }

  Result<void> remove_tree(const std::string& path) override { return unsupported(path); }

private:
  static Result<void> unsupported(const std::string& path) { return failed("not kept in memory: " + path); }
};

} // namespace tandem::testing
