#include "system/tree.hpp"

#include "base/text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace tandem::system {

namespace {

constexpr std::size_t before_handle = 2; // in FileChange::file: what the watch needs, and the kind of handle

std::pair<std::string, std::string> split_path(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// No component is empty, "." or "..", and no byte is zero: what would come behind that is no part of what was meant.
Result<void> check_plain(const std::string& path) {
  const auto parts = split(path, '/');
  const bool plain =
      path.empty() || (path.find('\0') == std::string::npos && std::ranges::none_of(parts, [](const std::string& part) {
                         return part.empty() || part == "." || part == "..";
                       }));
  return plain ? Result<void>() : fail(ErrorKind::invalid, "no path below a folder: " + path);
}

bool is_nothing_there(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV;
}

// Known to the filter rules, and to whoever finds one that a dead process left behind.
std::string temporary_name_for(const std::string& name) {
  static std::atomic<std::uint64_t> count = 0;
  constexpr std::size_t longest = 255;
  const auto suffix = ".tandem-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  return "." + name.substr(0, longest - suffix.size() - 1) + suffix;
}

// The time of a folder stays what it was while something in it is replaced; it is set when the folder's own turn comes.
template <class Change>
Result<void> with_folder_time(int folder, const Change& change) {
  struct stat status{};
  if (::fstat(folder, &status) != 0) return system_error("looking at a folder");
  auto done = change();
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, status.st_mtim};
  if (::futimens(folder, times) != 0 && done) return system_error("setting the time of a folder");
  return done;
}

Result<std::vector<Tree::Name>> kinds_in(int folder) {
  const int copy = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return system_error("reading a folder");
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::fdopendir(copy), ::closedir);
  if (!open) {
    ::close(copy);
    return system_error("reading a folder");
  }
  ::rewinddir(open.get());
  std::vector<Tree::Name> names;
  errno = 0;
  while (const auto* entry = ::readdir(open.get())) {
    const std::string name = entry->d_name;
    bool is_folder = entry->d_type == DT_DIR;
    struct stat status{};
    if (entry->d_type == DT_UNKNOWN) // some file systems do not say
      is_folder = ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    if (name != "." && name != "..") names.push_back({name, is_folder, entry->d_ino});
    errno = 0;
  }
  if (errno != 0) return system_error("reading a folder");
  std::ranges::sort(names, {}, &Tree::Name::name);
  return names;
}

Result<std::vector<std::string>> names_in(int folder) {
  TANDEM_TRY(auto kinds, kinds_in(folder));
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (auto& one : kinds)
    names.push_back(std::move(one.name));
  return names;
}

Result<void> remove_at(int folder, const std::string& name) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return system_error("removing " + name);
  const Descriptor below(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below) return system_error("removing " + name);
  TANDEM_TRY(const auto names, names_in(below.get()));
  for (const auto& one : names)
    TANDEM_CHECK(remove_at(below.get(), one));
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return system_error("removing " + name);
}

// Where an open file is, if the kernel knows and that is so; else empty.
std::string name_of(int file, const Node& node) {
  std::array<char, 4096> text{};
  const auto length = ::readlink(path_of(file).c_str(), text.data(), text.size());
  if (length <= 0 || static_cast<std::size_t>(length) == text.size()) return {};
  std::string path(text.data(), static_cast<std::size_t>(length));
  struct stat status{};
  const bool there =
      ::lstat(path.c_str(), &status) == 0 && status.st_dev == node.id.device && status.st_ino == node.id.inode;
  return there ? path : std::string();
}

} // namespace

Result<Tree> Tree::open(const std::string& path) {
  Descriptor root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); // look_by() takes no O_PATH
  if (!root) return system_error("opening " + path);
  return Tree(path, std::move(root));
}

Result<Descriptor> Tree::beneath(const std::string& path, int flags) const {
  open_how how{.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC),
               .mode = 0,
               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  TANDEM_CHECK(check_plain(path));
  for (;;) {
    const auto file = ::syscall(SYS_openat2, root_.get(), path.empty() ? "." : path.c_str(), &how, sizeof how);
    if (file >= 0) return Descriptor(static_cast<int>(file));
    if (errno == EAGAIN || errno == EINTR) continue; // a rename came between: openat2(2)
    if (is_nothing_there(errno)) errno = ENOENT;
    return system_error("opening " + path_ + "/" + path);
  }
}

bool Tree::is_at_its_path() const {
  struct stat own{};
  struct stat there{};
  return ::fstat(root_.get(), &own) == 0 && ::stat(path_.c_str(), &there) == 0 && own.st_dev == there.st_dev &&
         own.st_ino == there.st_ino;
}

std::optional<std::string> Tree::below(const std::string& path) const {
  std::array<char, 4096> text{};
  const auto length = ::readlink(path_of(root_.get()).c_str(), text.data(), text.size());
  if (length <= 0 || static_cast<std::size_t>(length) == text.size()) return std::nullopt;
  const std::string_view own(text.data(), static_cast<std::size_t>(length));
  if (!path.starts_with(own) || path.size() <= own.size() || path[own.size()] != '/') return std::nullopt;
  return path.substr(own.size() + 1);
}

Result<Node> Tree::look(const std::string& path) const {
  TANDEM_CHECK(check_plain(path));
  auto file = beneath(path, O_PATH | O_NOFOLLOW);
  if (!file && file.error().kind == ErrorKind::not_found) {
    // A link is what is looked for, where it stands last; RESOLVE_NO_SYMLINKS refuses that as well.
    const auto [parent, name] = split_path(path);
    auto folder = beneath(parent, O_PATH | O_DIRECTORY);
    if (!folder && folder.error().kind == ErrorKind::not_found) return Node{};
    if (!folder) return std::unexpected(std::move(folder).error());
    const Descriptor link(::openat(folder->get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!link && is_nothing_there(errno)) return Node{};
    if (!link) return system_error("looking at " + path_ + "/" + path);
    return look_at(link.get());
  }
  if (!file) return std::unexpected(std::move(file).error());
  return look_at(file->get());
}

bool Tree::is_of(const std::string& handle, const Node& node) {
  return node.id.instance != 0 && handle.size() > before_handle &&
         node.id.instance == instance_of_handle(std::string_view(handle).substr(before_handle));
}

Result<Node> Tree::look_by(const std::string& handle, std::string* path) const {
  if (handle.size() <= before_handle || handle.size() > MAX_HANDLE_SZ + before_handle)
    return fail(ErrorKind::invalid, "no handle of a file in " + path_);
  const file_handle head{.handle_bytes = static_cast<unsigned>(handle.size() - before_handle),
                         .handle_type = static_cast<unsigned char>(handle[1])};
  std::string whole(sizeof head, '\0');
  std::memcpy(whole.data(), &head, sizeof head);
  const auto file = open_by_handle(root_.get(), whole + handle.substr(before_handle));
  if (!file && (errno == ESTALE || errno == ENOENT)) return Node{};
  if (!file) return system_error("looking at a file in " + path_);
  TANDEM_TRY(auto node, look_at(file.get()));
  if (path != nullptr) *path = name_of(file.get(), node);
  return node.links == 0 ? Node{} : node;
}

Result<std::vector<std::string>> Tree::list(const std::string& path) const {
  TANDEM_TRY(const auto folder, beneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return names_in(folder.get());
}

Result<std::vector<Tree::Name>> Tree::names(const std::string& path) const {
  TANDEM_TRY(const auto folder, beneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return kinds_in(folder.get());
}

Result<std::vector<std::optional<Digest>>> Tree::digests(const std::string& path,
                                                         std::span<const std::string> names) const {
  TANDEM_TRY(const auto folder, beneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  std::vector<std::optional<Digest>> digests;
  digests.reserve(names.size());
  const NamesIn in_it(folder.get());
  for (const auto& name : names)
    digests.push_back(digest_at(folder.get(), in_it, name));
  return digests;
}

Result<FolderSum> Tree::sum(const std::string& path, const LeaveOutName& leave_out, std::vector<NameSum>* each) const {
  TANDEM_TRY(const auto folder, beneath(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return sum_of_folder(folder.get(), leave_out, each);
}

Result<std::uint64_t> Tree::count(const std::string& path, std::uint64_t most, const LeaveOut& leave_out) const {
  TANDEM_TRY(const auto node, look(path));
  const bool folder = node.type == FileType::folder;
  if (!node.exists || (!path.empty() && leave_out(path, folder))) return 0;
  return folder ? count_folder(path, most, leave_out) : 1;
}

Result<std::uint64_t> Tree::count_folder(const std::string& path, std::uint64_t most, const LeaveOut& leave_out) const {
  std::uint64_t found = 1;
  const auto entries = names(path);
  if (!entries && entries.error().kind == ErrorKind::not_found) return found;
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [name, folder, inode] : *entries) {
    if (found >= most) break;
    const auto below = path.empty() ? name : path + "/" + name;
    if (leave_out(below, folder)) continue;
    if (!folder) {
      ++found;
      continue;
    }
    TANDEM_TRY(const auto inside, count_folder(below, most - found, leave_out));
    found += inside;
  }
  return found;
}

Result<Descriptor> Tree::open_file(const std::string& path) const {
  // Never waits for the other end of a pipe; what is no regular file is not read.
  TANDEM_TRY(auto file, beneath(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_error("looking at " + path_ + "/" + path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::not_found, path_ + "/" + path + " is no file any more");
  return file;
}

// A rename over an empty folder needs it away first; a full one is the caller's to remove.
Result<void> Tree::put_in_place(int folder, const std::string& temporary, const std::string& path) {
  const auto [parent, name] = split_path(path);
  if (::renameat(folder, temporary.c_str(), folder, name.c_str()) == 0) return {};
  if (errno == EISDIR && ::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 &&
      ::renameat(folder, temporary.c_str(), folder, name.c_str()) == 0)
    return {};
  auto error = system_error("putting " + path_ + "/" + path + " in its place");
  take_away(folder, temporary, parent);
  return error;
}

void Tree::take_away(int folder, const std::string& temporary, const std::string& parent) {
  if (::unlinkat(folder, temporary.c_str(), 0) == 0 || errno == ENOENT) return;
  left_over_.push_back(parent.empty() ? temporary : parent + "/" + temporary);
}

// A file without a name gets its first, or an open one another. At once where nothing has it.
Result<void> Tree::name_file(int folder, int file, const std::string& path) {
  const auto name = split_path(path).second;
  const auto link_as = [&](const std::string& to) {
    return ::linkat(AT_FDCWD, path_of(file).c_str(), folder, to.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (link_as(name)) return {};
  const auto temporary = temporary_name_for(name);
  if (errno != EEXIST || !link_as(temporary)) return system_error("naming " + path_ + "/" + path);
  return put_in_place(folder, temporary, path);
}

Result<void> Tree::make_folder(const std::string& path, const Node& node) {
  TANDEM_CHECK(check_plain(path));
  const auto [parent, name] = split_path(path);
  TANDEM_TRY(const auto folder, beneath(parent, O_RDONLY | O_DIRECTORY));
  const auto make = [&]() -> Result<void> {
    struct stat status{};
    if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
      TANDEM_CHECK(remove_at(folder.get(), name));
    if (::mkdirat(folder.get(), name.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return system_error("making " + path_ + "/" + path);
  };
  if (!name.empty()) TANDEM_CHECK(with_folder_time(folder.get(), make));
  return set_meta(path, node);
}

Result<void> Tree::make_link(const std::string& path, const Node& node) {
  TANDEM_CHECK(check_plain(path));
  const auto [parent, name] = split_path(path);
  TANDEM_TRY(const auto folder, beneath(parent, O_RDONLY | O_DIRECTORY));
  return with_folder_time(folder.get(), [&]() -> Result<void> {
    const auto temporary = temporary_name_for(name);
    if (::symlinkat(node.target.c_str(), folder.get(), temporary.c_str()) != 0)
      return system_error("making " + path_ + "/" + path);
    if (auto set = set_all_of_link(folder.get(), temporary, node); !set) {
      take_away(folder.get(), temporary, parent);
      return set;
    }
    return put_in_place(folder.get(), temporary, path);
  });
}

Result<Descriptor> Tree::begin_file(const std::string& path) {
  TANDEM_TRY(const auto folder, beneath(split_path(path).first, O_RDONLY | O_DIRECTORY));
  Descriptor file(::openat(folder.get(), ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (!file) return system_error("making " + path_ + "/" + path);
  return file;
}

Result<void> Tree::finish_file(const std::string& path, int file, const Node& node) {
  TANDEM_CHECK(check_plain(path));
  const auto [parent, name] = split_path(path);
  TANDEM_TRY(const auto folder, beneath(parent, O_RDONLY | O_DIRECTORY));
  if (::ftruncate(file, static_cast<off_t>(node.size)) != 0) return system_error("writing " + path_ + "/" + path);
  TANDEM_CHECK(set_all(file, node));
  return with_folder_time(folder.get(), [&] { return name_file(folder.get(), file, path); });
}

Result<void> Tree::link(const std::string& file, const std::string& path) {
  TANDEM_TRY(const auto open, open_file(file));
  const auto [parent, name] = split_path(path);
  TANDEM_TRY(const auto folder, beneath(parent, O_RDONLY | O_DIRECTORY));
  return with_folder_time(folder.get(), [&] { return name_file(folder.get(), open.get(), path); });
}

Result<void> Tree::set_meta(const std::string& path, const Node& node) {
  if (node.type == FileType::link) return make_link(path, node);
  const int flags = node.type == FileType::folder ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY;
  TANDEM_TRY(const auto file, beneath(path, O_RDONLY | O_NOFOLLOW | flags));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_error("looking at " + path_ + "/" + path);
  if (S_ISREG(status.st_mode) != (node.type == FileType::regular) ||
      S_ISDIR(status.st_mode) != (node.type == FileType::folder))
    return fail(ErrorKind::not_found, path_ + "/" + path + " is something else by now");
  return set_all(file.get(), node);
}

Result<void> Tree::remove(const std::string& path) {
  const auto [parent, name] = split_path(path);
  TANDEM_CHECK(check_plain(path));
  if (name.empty()) return fail(ErrorKind::refused, path_ + " itself is not removed");
  auto folder = beneath(parent, O_RDONLY | O_DIRECTORY);
  if (!folder && folder.error().kind == ErrorKind::not_found) return {};
  if (!folder) return std::unexpected(std::move(folder).error());
  return with_folder_time(folder->get(), [&] { return remove_at(folder->get(), name); });
}

Result<void> Tree::rename(const std::string& from, const Tree& into, const std::string& to) {
  TANDEM_CHECK(check_plain(from));
  TANDEM_CHECK(check_plain(to));
  const auto [old_parent, old_name] = split_path(from);
  const auto [new_parent, new_name] = split_path(to);
  TANDEM_TRY(const auto old_folder, beneath(old_parent, O_RDONLY | O_DIRECTORY));
  TANDEM_TRY(const auto new_folder, into.beneath(new_parent, O_RDONLY | O_DIRECTORY));
  const auto rename = [&]() -> Result<void> {
    if (::renameat(old_folder.get(), old_name.c_str(), new_folder.get(), new_name.c_str()) == 0) return {};
    return system_error("renaming " + path_ + "/" + from);
  };
  bool renamed = false;
  const auto note = [&]() -> Result<void> {
    TANDEM_CHECK(rename());
    renamed = true;
    return {};
  };
  const auto done = with_folder_time(old_folder.get(), [&] { return with_folder_time(new_folder.get(), note); });
  return renamed ? Result<void>() : done; // the folders' times come with the folders
}

Result<void> Tree::settle() {
  for (const auto& path : std::exchange(left_over_, {}))
    if (!remove(path)) left_over_.push_back(path);
  TANDEM_TRY(const auto folder, beneath("", O_RDONLY | O_DIRECTORY));
  if (::syncfs(folder.get()) != 0) return system_error("writing " + path_ + " to the disk");
  return {};
}

} // namespace tandem::system
