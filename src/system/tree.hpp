// A folder on the disk with all that lies below it, read and changed by relative paths of which none can lead outside:
// neither ".." nor a symbolic link on the way (openat2(2), RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS). Names are bytes.
// Nothing is fsynced; settle() does that for all at once.
#pragma once
#include "system/folder_sum.hpp"
#include "system/node.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tandem::system {

class Tree {
public:
  // Nothing more is thought of the folder that lies there: `path` may be replaced, and the tree goes on in what it was.
  static Result<Tree> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }

  // Whether its path still leads to the same folder.
  [[nodiscard]] bool is_at_its_path() const;

  // ---- reading. The path "" is the tree's own folder.
  // One that is not there, or below what is no folder, is a Node that does not exist.
  [[nodiscard]] Result<Node> look(const std::string& path) const;
  // A file by its handle, as FileChange has it, whatever names it has; one that has none any more does not exist.
  // `path`: where it is, without links on the way, if the kernel knows a name of it; else empty.
  [[nodiscard]] Result<Node> look_by(const std::string& handle, std::string* path = nullptr) const;
  // Whether the node is that file's, as far as both say it. False: perhaps.
  [[nodiscard]] static bool is_of(const std::string& handle, const Node& node);
  // Of such a path the part below this tree; nothing when it is not below it.
  [[nodiscard]] std::optional<std::string> below(const std::string& path) const;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) const; // sorted

  // What stands in a folder, sorted by name. Cheap: nothing more is asked of each.
  struct Name {
    std::string name;
    bool folder = false;
    std::uint64_t inode = 0;
  };

  [[nodiscard]] Result<std::vector<Name>> names(const std::string& path) const;

  // Of each of these names in a folder; nothing for those that are not there. not_found: the folder is not.
  [[nodiscard]] Result<std::vector<std::optional<Digest>>> digests(const std::string& path,
                                                                   std::span<const std::string> names) const;
  // See sum_of_folder(). not_found: the folder is not there.
  [[nodiscard]] Result<FolderSum> sum(const std::string& path, const LeaveOutName& leave_out,
                                      std::vector<NameSum>* each = nullptr) const;
  // How many names there are below, the path's own among them, counted up to `most`; 0 when it is not there.
  // `leave_out`: a path that is not counted, nor what lies below it.
  using LeaveOut = std::function<bool(const std::string& path, bool folder)>;
  [[nodiscard]] Result<std::uint64_t> count(const std::string& path, std::uint64_t most,
                                            const LeaveOut& leave_out) const;
  // A regular file for reading; not_found when it is gone or is something else by now.
  [[nodiscard]] Result<Descriptor> open_file(const std::string& path) const;

  // ---- changing. What is there is replaced, or stays as it is when that fails; the time of the folder around it
  // stays. A folder that is there is no obstacle to a file only when it is empty.
  Result<void> make_folder(const std::string& path, const Node& node);
  Result<void> make_link(const std::string& path, const Node& node);
  // A file comes in pieces into one that has no name yet, so that nothing stays of it when the process dies, and gets
  // its place by a rename.
  [[nodiscard]] Result<Descriptor> begin_file(const std::string& path);
  Result<void> finish_file(const std::string& path, int file, const Node& node);
  // Another name for a file that is there.
  Result<void> link(const std::string& file, const std::string& path);
  // Owner, mode, time and attributes of what is there; its type must be the node's.
  Result<void> set_meta(const std::string& path, const Node& node);
  // With everything below it. Nothing happens when it is not there.
  Result<void> remove(const std::string& path);
  // From this tree to a place in that one, over what is there (as rename(2)).
  Result<void> rename(const std::string& from, const Tree& into, const std::string& to);
  // All that was written to its file system is on the disk (syncfs(2)), and nothing is left of what failed.
  Result<void> settle();

private:
  Tree(std::string path, Descriptor root) : path_(std::move(path)), root_(std::move(root)) {}

  [[nodiscard]] Result<std::uint64_t> count_folder(const std::string& path, std::uint64_t most,
                                                   const LeaveOut& leave_out) const;
  [[nodiscard]] Result<Descriptor> beneath(const std::string& path, int flags) const;
  Result<void> put_in_place(int folder, const std::string& temporary, const std::string& path);
  Result<void> name_file(int folder, int file, const std::string& path);
  void take_away(int folder, const std::string& temporary, const std::string& parent);

  std::string path_;
  Descriptor root_;
  std::vector<std::string> left_over_; // temporary names that could not be removed
};

} // namespace tandem::system
