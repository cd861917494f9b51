// What lies in the places that an event kept, for a person to look at.
#pragma once
#include "system/files.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace tandem::agent {

struct KeptFile {
  std::string path; // within the place
  std::uint64_t size = 0;
  std::chrono::sys_seconds modified;
  bool operator==(const KeptFile&) const = default;
};

struct KeptPlace {
  std::string path;
  std::uint64_t files = 0; // all of them, links too
  std::uint64_t bytes = 0;
  std::vector<KeptFile> first; // the first of them by name; none of a whole database, whose names say nothing
  enum class Kind { gone, files, wal, database } kind = Kind::files;
};

// A place of which nothing is left is told as gone. At most so many files are named.
Result<KeptPlace> look_into(system::Files& files, const std::string& path, std::size_t most);

} // namespace tandem::agent
