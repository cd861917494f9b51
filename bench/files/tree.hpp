// The folders that are measured, from the lab machine's side: each server's /www is a folder here, on the same file
// system, and so what one program writes in one the same program sees come into the other.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace tandem::bench {

struct Sides {
  std::string from; // the primary's /www
  std::string to;   // the standby's
};

// `folders` folders of 100 files of 4 KiB each, equal on both sides, below `name`.
Result<void> make_tree(const Sides& sides, const std::string& name, int folders);
[[nodiscard]] std::string path_in_tree(const std::string& name, int folders, int number);

// 1 GiB that nothing can compress.
Result<void> make_large(const std::string& path);

// Written over what is there; closed when it returns.
Result<void> write_file(const std::string& path, const std::string& content);
// "" when it is not there.
[[nodiscard]] std::string read_file(const std::string& path);
// How long after the call that file had that content, in seconds; nullopt: it had not come within the limit.
[[nodiscard]] std::optional<double> wait_for_content(const std::string& path, const std::string& content,
                                                     std::chrono::milliseconds limit);
// The same for so many names in a folder.
[[nodiscard]] std::optional<double> wait_for_names(const std::string& folder, std::size_t count,
                                                   std::chrono::seconds limit);

} // namespace tandem::bench
