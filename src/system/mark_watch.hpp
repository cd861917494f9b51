// What changes below some folders, as the kernel tells it: fanotify(7) with a mark on the whole file system, so that no
// folder needs a watch of its own and no new folder is missed. Paths are those at the moment of read(): of a folder
// that was renamed meanwhile the new one, and of one that is gone nothing, since its own removal is told as well.
#pragma once
#include "system/descriptor.hpp"
#include "system/file_change.hpp"

#include <map>
#include <string>
#include <vector>

namespace tandem::system {

class MarkWatch {
public:
  // All that happens from here on is told, but for folders whose file system cannot be watched: unwatched(). They must
  // exist.
  static Result<MarkWatch> open(const std::vector<std::string>& folders);

  MarkWatch(MarkWatch&&) noexcept = default;
  MarkWatch& operator=(MarkWatch&&) noexcept = default;

  [[nodiscard]] const std::vector<std::string>& unwatched() const { return unwatched_; }

  // To poll: readable when read() has something to say. -1: nothing is marked.
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

  MarkWatch() = default;

  static bool has_handles(const Root& root);
  [[nodiscard]] bool mark(Root& root) const;

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
