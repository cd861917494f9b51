// What has happened to one name in a folder that is watched.
#pragma once
#include <string>

namespace tandem::system {

enum class ChangeKind {
  made,     // a name is new; of a regular file whoever made it may still be writing
  growing,  // content of one that is not closed yet, or was cut off by its name (truncate(2))
  written,  // it was open for writing, and is closed; that its content has changed is told as well (growing)
  altered,  // owner, mode, times, attributes
  removed,  // a name is gone
  renamed,  // from `from` to `path`; either is empty where it lies outside of the folders
  overflow, // the kernel had no room, or did not say where it was: anything may have changed. No path
};

struct FileChange {
  ChangeKind kind = ChangeKind::written;
  bool folder = false;
  std::string path; // absolute
  std::string from;
  // By which Tree::look_by() finds it, whatever its name is by now. Empty for folders, and where nobody says it.
  std::string file = {};
  // The folder that it was in is gone, and nobody knows its path: `path` is one of those that are watched.
  bool gone = false;
};

} // namespace tandem::system
