#include "system/mark_watch.hpp"

#include "system/node.hpp"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tandem::system {

namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10U;
constexpr std::size_t most_folders_known = 4096;
constexpr std::uint64_t events =
    FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_ONDIR;

// A copy, since records need not be aligned.
template <class Value>
Value value_at(const char* place) {
  Value value;
  std::memcpy(&value, place, sizeof value);
  return value;
}

std::string id_of(const fsid_t& id) {
  return {reinterpret_cast<const char*>(&id), sizeof id};
}

// The parts of a record with a folder's handle and a name: fanotify(7), "struct fanotify_event_info_fid".
struct Record {
  std::string file_system;
  std::string handle; // struct file_handle
  std::string name;
};

Record record_of(const char* place, std::size_t length) {
  constexpr std::size_t head = sizeof(fanotify_event_info_header);
  constexpr std::size_t fid = head + sizeof(fsid_t);
  Record record;
  record.file_system.assign(place + head, sizeof(fsid_t));
  const auto handle = value_at<file_handle>(place + fid);
  const std::size_t handle_size = sizeof(file_handle) + handle.handle_bytes;
  if (fid + handle_size > length) return {};
  record.handle.assign(place + fid, handle_size);
  const char* name = place + fid + handle_size;
  record.name.assign(name, ::strnlen(name, length - fid - handle_size));
  return record;
}

// As Tree::look_by() takes it: which file system, as no handle says it, the kind of handle, and the handle.
std::string file_of(const Record& record, std::size_t file_system) {
  if (record.handle.size() <= sizeof(file_handle) || file_system > 255) return {};
  const auto head = value_at<file_handle>(record.handle.data());
  if (head.handle_type < 0 || head.handle_type > 255) return {};
  std::string file{static_cast<char>(file_system), static_cast<char>(head.handle_type)};
  return file += record.handle.substr(sizeof head);
}

// Of something in a folder, or the folder itself.
std::string path_in(const std::string& folder, const std::string& name) {
  return folder.empty() || name == "." || name.empty() ? folder : folder + "/" + name;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

} // namespace

// A kernel may tell handles by which nothing can be opened (overlayfs): what happened where would be known to nobody.
bool MarkWatch::has_handles(const Root& root) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
  auto* handle = reinterpret_cast<file_handle*>(room.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  return ::name_to_handle_at(root.folder.get(), "", handle, &mount, AT_EMPTY_PATH) == 0 &&
         open_by_handle(root.folder.get(), {room.data(), sizeof(file_handle) + handle->handle_bytes});
}

// False: it cannot be marked: without handles or an id of its own (overlayfs, network file systems), or not by us:
// fanotify_mark(2).
bool MarkWatch::mark(Root& root) const {
  struct statfs status{};
  std::array<char, 4096> text{};
  const auto link = "/proc/self/fd/" + std::to_string(root.folder.get());
  if (::fstatfs(root.folder.get(), &status) != 0 || ::readlink(link.c_str(), text.data(), text.size() - 1) <= 0)
    return false;
  root.file_system = id_of(status.f_fsid);
  root.real_path = text.data();
  return has_handles(root) &&
         ::fanotify_mark(group_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, events, root.folder.get(), nullptr) == 0;
}

Result<MarkWatch> MarkWatch::open(const std::vector<std::string>& folders) {
  MarkWatch watch;
  // A kernel may not have it, a container forbid it.
  watch.group_ = Descriptor(
      ::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_REPORT_DFID_NAME_TARGET,
                      O_RDONLY | O_CLOEXEC | O_LARGEFILE));
  for (const auto& path : folders) {
    Root root{.path = path,
              .folder = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
              .file_system = {}};
    if (!root.folder) return system_error("opening " + path);
    if (watch.group_ && watch.mark(root))
      watch.roots_.push_back(std::move(root));
    else
      watch.unwatched_.push_back(path);
  }
  if (watch.roots_.empty()) watch.group_.reset();
  watch.buffer_.resize(buffer_size);
  return watch;
}

Result<std::vector<FileChange>> MarkWatch::read(bool& more) {
  more = false;
  std::vector<FileChange> changes;
  if (!group_) return changes;
  ssize_t got = 0;
  while ((got = ::read(group_.get(), buffer_.data(), buffer_.size())) < 0 && errno == EINTR) {
  }
  if (got < 0 && errno == EAGAIN) return changes;
  if (got < 0) return system_error("reading what has changed (fanotify)");
  const auto size = static_cast<std::size_t>(got);
  for (std::size_t at = 0; at + sizeof(fanotify_event_metadata) <= size;) {
    const auto event = value_at<fanotify_event_metadata>(buffer_.data() + at);
    if (event.event_len < sizeof event || at + event.event_len > size) break;
    take(buffer_.data() + at, changes);
    at += event.event_len;
  }
  more = true;
  return changes;
}

// The kernel joins what happened to one name into one event: made, written and removed may all be told at once, so the
// order of the kinds here is the one in which they lead to what is there now, and who reacts looks at that anyway.
void MarkWatch::take(const char* event, std::vector<FileChange>& changes) {
  const auto head = value_at<fanotify_event_metadata>(event);
  if ((head.mask & FAN_Q_OVERFLOW) != 0) {
    changes.push_back({.kind = ChangeKind::overflow, .folder = false, .path = {}, .from = {}});
    return;
  }
  const bool folder = (head.mask & FAN_ONDIR) != 0;
  FileChange change{.folder = folder, .path = {}, .from = {}};
  bool unknown = false;
  for (std::size_t at = head.metadata_len; at + sizeof(fanotify_event_info_header) <= head.event_len;) {
    const auto info = value_at<fanotify_event_info_header>(event + at);
    if (info.len < sizeof info || at + info.len > head.event_len) break;
    const auto record = record_of(event + at, info.len);
    at += info.len;
    if (info.info_type == FAN_EVENT_INFO_TYPE_FID) { // also alone, where the kernel knows no name
      if (!folder) change.file = file_of(record, number_of(record.file_system));
      continue;
    }
    const auto& around = folder_of(record.file_system, record.handle);
    const bool gone = around.state == Folder::State::gone;
    unknown = unknown || around.state == Folder::State::unknown;
    if (info.info_type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME) {
      if (!gone) change.from = path_in(around.path, record.name);
    } else {
      change.gone = gone;
      change.path = gone ? around.path : path_in(around.path, record.name);
    }
  }
  if (unknown || (folder && (head.mask & (FAN_RENAME | FAN_DELETE)) != 0)) folders_.clear();
  if (unknown) change = {.kind = ChangeKind::overflow, .path = {}, .from = {}};
  if (unknown) return changes.push_back(change);
  if (change.gone && ((head.mask & FAN_RENAME) != 0 || change.file.empty())) {
    change.gone = false;
    change.path.clear();
  }
  if (change.path.empty() && change.from.empty()) return;
  const auto add = [&](std::uint64_t mask, ChangeKind kind) {
    change.kind = kind;
    if ((head.mask & mask) != 0) changes.push_back(change);
  };
  add(FAN_RENAME, ChangeKind::renamed);
  add(FAN_CREATE, ChangeKind::made);
  add(FAN_DELETE, ChangeKind::removed);
  add(FAN_MODIFY, ChangeKind::growing);
  add(FAN_CLOSE_WRITE, ChangeKind::written);
  add(FAN_ATTRIB, ChangeKind::altered);
}

const MarkWatch::Folder& MarkWatch::folder_of(const std::string& file_system, const std::string& handle) {
  const auto key = file_system + handle;
  if (const auto known = folders_.find(key); known != folders_.end()) return known->second;
  if (folders_.size() >= most_folders_known) folders_.clear();
  return folders_.emplace(key, find_folder(file_system, handle)).first->second;
}

// No path for what lies in none of the roots: the mark is on the whole file system.
MarkWatch::Folder MarkWatch::find_folder(const std::string& file_system, const std::string& handle) const {
  for (const auto& root : roots_) {
    if (root.file_system != file_system) continue;
    const auto folder = open_by_handle(root.folder.get(), handle);
    if (!folder && (errno == ESTALE || errno == ENOENT)) return {.path = root.path, .state = Folder::State::gone};
    std::array<char, 4096> text{};
    const auto link = "/proc/self/fd/" + std::to_string(folder.get());
    const auto length = folder ? ::readlink(link.c_str(), text.data(), text.size()) : -1;
    if (length < 0) return {.path = {}, .state = Folder::State::unknown};
    if (static_cast<std::size_t>(length) == text.size()) continue;
    const std::string path(text.data(), static_cast<std::size_t>(length));
    const auto in = std::ranges::find_if(roots_, [&](const Root& one) { return lies_in(path, one.real_path); });
    if (in != roots_.end()) return {.path = in->path + path.substr(in->real_path.size())};
  }
  return {};
}

std::size_t MarkWatch::number_of(const std::string& file_system) const {
  const auto root = std::ranges::find(roots_, file_system, &Root::file_system);
  return static_cast<std::size_t>(root - roots_.begin());
}

} // namespace tandem::system
