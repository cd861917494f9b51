// The port to the file system. All paths are absolute. No call follows a symbolic link at the last component
// unless it says so. Everything that writes is durable when it returns: data and folder are fsynced.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::system {

enum class FileType { regular, folder, link, other };

struct FileStatus {
  FileType type = FileType::other;
  std::uint32_t mode = 0; // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0; // since the epoch
  std::string target;           // of a link
  std::int64_t changed_ns = 0;  // since the epoch: content, name, owner or mode; nobody but the kernel sets it
};

struct Ownership {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool operator==(const Ownership&) const = default;
};

// How full a file system is, as df(1) counts.
struct Room {
  std::uint64_t file_system = 0; // its id: paths with the same lie on the same
  std::uint64_t free = 0;        // bytes that are left for those who are not root
  double used = 0;               // part of the bytes
  double used_names = 0;         // part of the inodes; 0 where there is no limit
};

// What is read at once is held in memory.
inline constexpr std::size_t largest_content = std::size_t{256} << 20U;

class Files {
public:
  virtual ~Files() = default;

  // What lies at the path (a link itself, not its target); nullopt when nothing does.
  virtual Result<std::optional<FileStatus>> status(const std::string& path) = 0;
  // The whole content, at most largest_content; follows links. not_found when there is no such file, failed for what is
  // no regular file: a pipe or a device, which a site may have put there, would never end.
  virtual Result<std::string> read(const std::string& path) = 0;
  // Names in a folder, sorted, without "." and ".."; not_found when there is no such folder.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  // Replaces the file in one rename: a reader sees the old or the new content, never a mixture.
  virtual Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                             Ownership owner) = 0;
  // Appends and fsyncs; makes the file (mode 0600) when missing.
  virtual Result<void> append(const std::string& path, const std::string& content) = 0;
  // Makes one folder with exactly this mode and owner; an existing folder is left as it is.
  virtual Result<void> make_folder(const std::string& path, std::uint32_t mode, Ownership owner) = 0;
  // A symbolic link, replacing an existing link or file in one rename.
  virtual Result<void> make_link(const std::string& path, const std::string& target) = 0;
  virtual Result<void> set_mode(const std::string& path, std::uint32_t mode) = 0;
  virtual Result<void> set_owner(const std::string& path, Ownership owner) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // A file, a link or an empty folder; one that is already gone is a success.
  virtual Result<void> remove(const std::string& path) = 0;
  // A folder with all that is in it, without following links or crossing into another file system.
  virtual Result<void> remove_tree(const std::string& path) = 0;

  // What other programs wrote to these files and folders is on the disk; those that are not there are passed over. The
  // other calls here need it not. Nothing to do where nothing is kept back.
  virtual Result<void> settle(const std::vector<std::string>& /*paths*/) { return {}; }

  // Two things of whatever kind on one file system change places in one step: neither path is missing for a moment.
  virtual Result<void> exchange(const std::string& one, const std::string& other) {
    return failed("these files cannot exchange " + one + " and " + other);
  }

  // Of the file system that the path lies on; not_found when there is nothing. A disk without an end has all zeros.
  virtual Result<Room> room(const std::string& /*path*/) { return Room{}; }
};

// The real one. Stateless; may be used from any thread.
class LinuxFiles final : public Files {
public:
  Result<std::optional<FileStatus>> status(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode, Ownership owner) override;
  Result<void> append(const std::string& path, const std::string& content) override;
  Result<void> make_folder(const std::string& path, std::uint32_t mode, Ownership owner) override;
  Result<void> make_link(const std::string& path, const std::string& target) override;
  Result<void> set_mode(const std::string& path, std::uint32_t mode) override;
  Result<void> set_owner(const std::string& path, Ownership owner) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_tree(const std::string& path) override;
  Result<void> settle(const std::vector<std::string>& paths) override;
  Result<void> exchange(const std::string& one, const std::string& other) override;
  Result<Room> room(const std::string& path) override;
};

} // namespace tandem::system
