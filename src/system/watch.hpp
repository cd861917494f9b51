// What changes below some folders, as the kernel tells it: fanotify(7) with a mark on the whole file system, so that no
// folder needs a watch of its own and no new folder is missed. Paths are those at the moment of read(): of a folder
// that was renamed meanwhile the new one, and of one that is gone nothing, since its own removal is told as well.
#pragma once
#include "system/descriptor.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

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
  // By which Tree::look_by() finds it, whatever its name is by now. Empty for folders.
  std::string file = {};
  // The folder that it was in is gone, and nobody knows its path: `path` is one of those that are watched.
  bool gone = false;
};

class Watch {
public:
  // All that happens from here on is told, but for folders whose file system cannot be watched: unwatched(). An error
  // when that is all of them. They must exist.
  static Result<Watch> open(const std::vector<std::string>& folders);

  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&&) noexcept = default;

  [[nodiscard]] const std::vector<std::string>& unwatched() const { return unwatched_; }

  // To poll: readable when read() has something to say.
  [[nodiscard]] int descriptor() const { return group_.get(); }

  // What has happened so far, in order; nothing when that is nothing. Whatever a call had done that ended before this
  // one began is among it. Not more than some thousands at once: `more` says that there are.
  Result<std::vector<FileChange>> read(bool& more);

private:
  struct Root {
    std::string path;
    std::string real_path = {}; // without links on the way
    Descriptor folder;
    std::string file_system; // its id
  };

  Watch() = default;

  struct Folder {
    enum class State { there, gone, unknown };
    std::string path; // empty: in none of the roots
    State state = State::there;
  };

  void take(const char* event, std::vector<FileChange>& changes);
  const Folder& folder_of(const std::string& file_system, const std::string& handle);
  [[nodiscard]] Folder find_folder(const std::string& file_system, const std::string& handle) const;
  [[nodiscard]] std::size_t number_of(const std::string& file_system) const;

  Descriptor group_;
  std::vector<Root> roots_;
  std::vector<std::string> unwatched_;
  std::string buffer_;
  std::map<std::string, Folder> folders_; // by file system and handle, until a folder is renamed or removed
};

} // namespace tandem::system
