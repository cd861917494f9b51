// What changes below some folders, as inotify(7) tells it: a watch on each folder, for file systems that cannot be
// marked as a whole. It takes a watch and some hundred bytes a folder, and says by which name a file has changed, not
// which file it was.
#pragma once
#include "system/descriptor.hpp"
#include "system/file_change.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tandem::system {

// Whether nothing need be told of that folder, by its path, and of what lies in it.
using LeaveOutFolder = std::function<bool(const std::string& path)>;

class FolderWatch {
public:
  // All that happens from here on is told, but for folders for which the kernel has not enough watches: unwatched(),
  // and for what is mounted below them. They must exist.
  static Result<FolderWatch> open(const std::vector<std::string>& folders, LeaveOutFolder leave_out);

  [[nodiscard]] const std::vector<std::string>& unwatched() const { return unwatched_; }

  // Why they are; "": all are watched.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }

  // To poll: readable when read() has something to say. Another one after an overflow.
  [[nodiscard]] int descriptor() const { return queue_.get(); }

  // What has happened so far, in order; nothing when that is nothing. Whatever a call had done that ended before this
  // one began is among it. `more`: there may be more. A folder that comes from elsewhere, or was made and filled before
  // it could be watched, is told as one that was renamed from nowhere. An error: new folders cannot be watched.
  Result<std::vector<FileChange>> read(bool& more);

private:
  using Number = int; // the kernel's, of a watch: of a folder, whatever its name
  static constexpr Number none = -1;

  struct Root {
    std::string path;
    Descriptor folder;
  };

  struct Folder {
    Number around = none; // of a root: none
    std::string name;     // of a root: ""
    std::size_t root = 0; // of a root: which
    std::map<std::string, Number> folders = {};
  };

  // A place in a root. "": the root itself.
  struct Where {
    std::size_t root = 0;
    std::string below;
  };

  struct Event {
    Number number = none;
    std::uint32_t mask = 0;
    std::uint32_t cookie = 0; // the same for both halves of a rename
    std::string name;         // in that folder; "": itself
  };

  // The first half of a rename.
  struct Leaving {
    std::uint32_t cookie = 0;
    bool folder = false;
    Where from;
    Number number = none; // of the folder, where that is known
  };

  enum class Came { empty, filled, not_there, confused };

  FolderWatch() = default;

  [[nodiscard]] std::string path_at(const Where& where) const;
  [[nodiscard]] Result<std::optional<Descriptor>> open_at(const Where& where) const;
  Result<void> watch_root(std::size_t root);
  Result<Number> watch(int folder, const std::string& path);
  Result<Came> watch_below(Number around, const std::string& name);
  Result<Came> watch_all_in(Number number, const Where& where);
  Result<void> begin_anew();
  bool put(Number number, Number around, const std::string& name);
  void take_out(Number number);
  void forget(Number number, bool watched);
  [[nodiscard]] Number folder_in(Number around, const std::string& name) const;
  [[nodiscard]] std::optional<Where> where_is(Number number) const;
  Result<bool> take(const Event& event, std::vector<FileChange>& changes);
  Result<Came> come_to(const Event& event, const Where& where);
  Result<bool> arrived(const Event& event, bool folder, const Where& where, std::vector<FileChange>& changes);
  Result<void> gone_elsewhere(std::vector<FileChange>& changes);
  Result<void> forget_gone(const Leaving& gone);

  Descriptor queue_;
  std::vector<Root> roots_;
  LeaveOutFolder leave_out_;
  std::vector<std::string> unwatched_;
  std::string why_not_;
  std::unordered_map<Number, Folder> folders_;
  std::optional<Leaving> leaving_;
  std::string buffer_;
};

} // namespace tandem::system
