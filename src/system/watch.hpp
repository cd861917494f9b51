// What changes below some folders, as the kernel tells it: by one mark on the whole file system where that is possible
// (mark_watch.hpp), else by a watch on each folder (folder_watch.hpp).
#pragma once
#include "system/folder_watch.hpp"
#include "system/mark_watch.hpp"

#include <array>

namespace tandem::system {

struct WatchWish {
  bool each_folder = false;      // also where a mark would do
  LeaveOutFolder leave_out = {}; // what lies there need not be told; a mark tells it all the same
};

class Watch {
public:
  // All that happens from here on is told, but for folders that cannot be watched at all: unwatched(). An error when
  // that is all of them. They must exist.
  static Result<Watch> open(const std::vector<std::string>& folders, const WatchWish& wish = {});

  [[nodiscard]] const std::vector<std::string>& unwatched() const { return unwatched_; }

  // Of which the kernel does not say which file it was that changed, but by which name.
  [[nodiscard]] const std::vector<std::string>& watched_by_name() const { return by_name_; }

  // To poll: one of them is readable when read() has something to say. -1: none.
  [[nodiscard]] std::array<int, 2> descriptors() const;

  // What has happened so far, in order; nothing when that is nothing. Whatever a call had done that ended before this
  // one began is among it. Not more than some thousands at once: `more` says that there are.
  Result<std::vector<FileChange>> read(bool& more);

private:
  std::optional<MarkWatch> marks_;
  std::optional<FolderWatch> folders_;
  std::vector<std::string> unwatched_;
  std::vector<std::string> by_name_;
};

} // namespace tandem::system
