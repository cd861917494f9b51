#include "system/files.hpp"

#include "system/descriptor.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>

namespace tandem::system {

namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// A name beside the target that nobody else uses; a leftover of a crash is never taken for real content.
std::string temporary_beside(const std::string& path) {
  static std::atomic<unsigned> counter = 0;
  const auto slash = path.find_last_of('/');
  return path.substr(0, slash + 1) +
         fmt::format(".{}.tandem-{}-{}", path.substr(slash + 1).substr(0, 200), ::getpid(), ++counter);
}

Result<void> sync_folder(const std::string& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_error("opening " + folder);
  if (::fsync(fd.get()) != 0) return system_error("syncing " + folder);
  return {};
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("writing " + path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> fill_temporary(const std::string& path, const std::string& content, std::uint32_t mode, Ownership owner) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return system_error("making " + path);
  TANDEM_CHECK(write_all(fd.get(), content, path));
  if (::fchown(fd.get(), owner.uid, owner.gid) != 0) return system_error("changing the owner of " + path);
  if (::fchmod(fd.get(), mode) != 0) return system_error("changing the mode of " + path);
  if (::fsync(fd.get()) != 0) return system_error("syncing " + path);
  return fd.close();
}

// Puts a finished temporary in its place; takes it away again when that fails.
Result<void> reveal(const std::string& temporary, const std::string& path) {
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto error = system_error("replacing " + path);
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_folder(folder_of(path));
}

Result<void> remove_below(int parent, const char* name, dev_t device, const std::string& path);

Result<void> remove_entries(int folder, dev_t device, const std::string& path) {
  DIR* stream = ::fdopendir(::dup(folder));
  if (stream == nullptr) return system_error("reading " + path);
  const std::unique_ptr<DIR, int (*)(DIR*)> guard(stream, ::closedir);
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name == "." || name == "..") continue;
    TANDEM_CHECK(remove_below(folder, static_cast<const char*>(entry->d_name), device, path + "/" + std::string(name)));
  }
  return {};
}

Result<void> remove_below(int parent, const char* name, dev_t device, const std::string& path) {
  struct stat status{};
  if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return system_error("looking at " + path);
  }
  if (!S_ISDIR(status.st_mode)) {
    if (::unlinkat(parent, name, 0) != 0 && errno != ENOENT) return system_error("removing " + path);
    return {};
  }
  if (status.st_dev != device) return fail(ErrorKind::refused, path + " is another file system; it was left alone");
  const Descriptor folder(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return system_error("opening " + path);
  TANDEM_CHECK(remove_entries(folder.get(), device, path));
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) return system_error("removing " + path);
  return {};
}

FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return FileType::regular;
  if (S_ISDIR(mode)) return FileType::folder;
  if (S_ISLNK(mode)) return FileType::link;
  return FileType::other;
}

} // namespace

Result<std::optional<FileStatus>> LinuxFiles::status(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileStatus>{};
    return system_error("looking at " + path);
  }
  FileStatus status{.type = type_of(found.st_mode),
                    .mode = found.st_mode & 07777U,
                    .uid = found.st_uid,
                    .gid = found.st_gid,
                    .size = static_cast<std::uint64_t>(found.st_size),
                    .modified_ns = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec,
                    .target = {},
                    .changed_ns = found.st_ctim.tv_sec * 1'000'000'000 + found.st_ctim.tv_nsec};
  if (status.type == FileType::link) {
    std::array<char, PATH_MAX> target{};
    const auto length = ::readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return system_error("reading the link " + path);
    status.target.assign(target.data(), static_cast<std::size_t>(length));
  }
  return status;
}

Result<std::string> LinuxFiles::read(const std::string& path) {
  // A pipe is opened without waiting for its other end, to be refused below.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error("opening " + path);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return system_error("reading " + path);
  if (!S_ISREG(status.st_mode)) return failed("reading " + path + ": it is no file with a content, or leads to none");
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("reading " + path);
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > largest_content) return failed("reading " + path + ": it is larger than 256 MiB");
  }
}

Result<std::vector<std::string>> LinuxFiles::list(const std::string& path) {
  DIR* stream = ::opendir(path.c_str());
  if (stream == nullptr) return system_error("opening " + path);
  const std::unique_ptr<DIR, int (*)(DIR*)> guard(stream, ::closedir);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return system_error("reading " + path);
  std::ranges::sort(names);
  return names;
}

Result<void> LinuxFiles::write(const std::string& path, const std::string& content, std::uint32_t mode,
                               Ownership owner) {
  const auto temporary = temporary_beside(path);
  if (auto filled = fill_temporary(temporary, content, mode, owner); !filled) {
    ::unlink(temporary.c_str());
    return filled;
  }
  return reveal(temporary, path);
}

Result<void> LinuxFiles::append(const std::string& path, const std::string& content) {
  const bool existed = ::access(path.c_str(), F_OK) == 0;
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return system_error("opening " + path);
  TANDEM_CHECK(write_all(fd.get(), content, path));
  if (::fsync(fd.get()) != 0) return system_error("syncing " + path);
  TANDEM_CHECK(fd.close());
  return existed ? Result<void>{} : sync_folder(folder_of(path));
}

Result<void> LinuxFiles::make_folder(const std::string& path, std::uint32_t mode, Ownership owner) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    struct stat found{};
    if (errno == EEXIST && ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
    return system_error("making the folder " + path);
  }
  TANDEM_CHECK(set_owner(path, owner));
  TANDEM_CHECK(set_mode(path, mode));
  return sync_folder(folder_of(path));
}

Result<void> LinuxFiles::make_link(const std::string& path, const std::string& target) {
  const auto temporary = temporary_beside(path);
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return system_error("making the link " + temporary);
  return reveal(temporary, path);
}

Result<void> LinuxFiles::set_mode(const std::string& path, std::uint32_t mode) {
  // chmod follows links, so a link put there meanwhile must not redirect it.
  const Descriptor fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_error("opening " + path);
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return system_error("looking at " + path);
  if (S_ISLNK(found.st_mode)) return fail(ErrorKind::refused, path + " is a symbolic link; its mode cannot be set");
  const auto handle = fmt::format("/proc/self/fd/{}", fd.get());
  if (::chmod(handle.c_str(), mode) != 0) return system_error("changing the mode of " + path);
  return {};
}

Result<void> LinuxFiles::set_owner(const std::string& path, Ownership owner) {
  if (::lchown(path.c_str(), owner.uid, owner.gid) != 0) return system_error("changing the owner of " + path);
  return {};
}

Result<void> LinuxFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error("renaming " + from + " to " + to);
  if (folder_of(from) != folder_of(to)) TANDEM_CHECK(sync_folder(folder_of(from)));
  return sync_folder(folder_of(to));
}

Result<void> LinuxFiles::exchange(const std::string& one, const std::string& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0)
    return system_error("exchanging " + one + " and " + other);
  TANDEM_CHECK(sync_folder(folder_of(one)));
  return sync_folder(folder_of(other));
}

Result<void> LinuxFiles::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return system_error("removing " + path);
  }
  return sync_folder(folder_of(path));
}

Result<void> LinuxFiles::remove_tree(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return system_error("looking at " + path);
  }
  TANDEM_CHECK(remove_below(AT_FDCWD, path.c_str(), found.st_dev, path));
  return sync_folder(folder_of(path));
}

Result<void> LinuxFiles::settle(const std::vector<std::string>& paths) {
  for (const auto& path : paths) {
    // Without waiting for whoever may write to a pipe of that name.
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO)) continue;
    if (!fd) return system_error("opening " + path);
    // EINVAL: a pipe, a socket or a device, which keeps nothing on a disk.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) return system_error("syncing " + path);
  }
  return {};
}

Result<Room> LinuxFiles::room(const std::string& path) {
  struct statvfs found{};
  if (::statvfs(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return fail(ErrorKind::not_found, "there is no " + path);
    return system_error("looking how full the disk at " + path + " is");
  }
  const auto part = [](std::uint64_t used, std::uint64_t left) {
    return used + left == 0 ? 0.0 : static_cast<double>(used) / static_cast<double>(used + left);
  };
  return Room{.file_system = found.f_fsid,
              .free = found.f_bavail * found.f_frsize,
              .used = part(found.f_blocks - found.f_bfree, found.f_bavail),
              .used_names = part(found.f_files - found.f_ffree, found.f_favail)};
}

} // namespace tandem::system
