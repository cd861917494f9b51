#include "system/folder_watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace tandem::system {

namespace {

constexpr std::size_t queue_buffer_size = std::size_t{64} << 10U;
constexpr std::uint32_t folder_events =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB;

Result<Descriptor> new_queue() {
  Descriptor queue(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!queue) return system_error("watching folders (inotify_init1)");
  return queue;
}

// Without these nothing goes on; whatever else keeps a folder from being opened is that folder's own trouble, which
// whoever replicates it meets as well. It is mounted there, for one (EXDEV).
bool is_want_of_room(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM;
}

bool is_folder(int around, const dirent& entry) {
  struct stat status{};
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  return ::fstatat(around, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

struct Inside {
  std::vector<std::string> folders;
  bool empty = true;
};

// Reads it to its end and closes it. One that is removed meanwhile has nothing in it.
Result<Inside> inside(Descriptor folder) {
  Inside found;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::fdopendir(folder.get()), ::closedir);
  if (!open) return system_error("reading a folder");
  const int own = folder.release();
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    found.empty = false;
    if (is_folder(own, *entry)) found.folders.push_back(name);
  }
  if (errno != 0 && errno != ENOENT && errno != ESTALE) return system_error("reading a folder");
  return found;
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() || name.empty() ? folder + name : folder + "/" + name;
}

} // namespace

std::string FolderWatch::path_at(const Where& where) const {
  return joined(roots_.at(where.root).path, where.below);
}

// In the root, by no link, and not where something is mounted. nullopt: there is no such folder, or none that can be
// opened.
Result<std::optional<Descriptor>> FolderWatch::open_at(const Where& where) const {
  open_how how{.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
               .mode = 0,
               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
  const auto* path = where.below.empty() ? "." : where.below.c_str();
  for (;;) {
    const auto folder = ::syscall(SYS_openat2, roots_.at(where.root).folder.get(), path, &how, sizeof how);
    if (folder >= 0) return std::optional(Descriptor(static_cast<int>(folder)));
    if (errno == EAGAIN || errno == EINTR) continue; // a rename came between: openat2(2)
    if (is_want_of_room(errno)) return system_error("opening " + path_at(where));
    return std::nullopt;
  }
}

Result<FolderWatch> FolderWatch::open(const std::vector<std::string>& folders, LeaveOutFolder leave_out) {
  FolderWatch watch;
  watch.leave_out_ = std::move(leave_out);
  watch.buffer_.resize(queue_buffer_size);
  auto queue = new_queue();
  if (!queue) {
    watch.unwatched_ = folders;
    watch.why_not_ = queue.error().message;
    return watch;
  }
  watch.queue_ = std::move(*queue);
  for (const auto& path : folders) {
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return system_error("opening " + path);
    const auto root = watch.roots_.size();
    watch.roots_.push_back({path, std::move(folder)});
    const auto begun = watch.watch_root(root);
    if (begun) continue;
    watch.why_not_ = begun.error().message;
    watch.unwatched_.push_back(path);
    const auto number = std::ranges::find_if(
        watch.folders_, [&](const auto& one) { return one.second.around == none && one.second.root == root; });
    if (number != watch.folders_.end()) watch.forget(number->first, true);
    watch.roots_.pop_back();
  }
  return watch;
}

Result<void> FolderWatch::watch_root(std::size_t root) {
  const auto& [path, folder] = roots_.at(root);
  TANDEM_TRY(const auto number, watch(folder.get(), path));
  if (number == none) return failed(path + " cannot be watched");
  if (folders_.contains(number)) return failed(path + " is watched already, as a part of another folder");
  folders_[number] = {.root = root};
  TANDEM_TRY(const auto came, watch_all_in(number, {.root = root, .below = ""}));
  return came == Came::confused ? failed(path + " changed too much to be watched") : Result<void>();
}

Result<FolderWatch::Number> FolderWatch::watch(int folder, const std::string& path) {
  const auto link = "/proc/self/fd/" + std::to_string(folder);
  const auto number = ::inotify_add_watch(queue_.get(), link.c_str(), folder_events);
  if (number >= 0) return number;
  if (errno == ENOSPC) return failed("the kernel has no more watches for folders (sysctl fs.inotify.max_user_watches)");
  return system_error("watching " + path + " (inotify_add_watch)");
}

// What has come there, and all that is in it. `around` may be somewhere else by now, and another folder in its place:
// then its own word comes, or that of a folder around it, and all is looked at again.
Result<FolderWatch::Came> FolderWatch::watch_below(Number around, const std::string& name) {
  const auto parent = where_is(around);
  if (!parent) return Came::confused;
  TANDEM_TRY(const auto folder_around, open_at(*parent));
  if (!folder_around) return Came::not_there;
  TANDEM_TRY(const auto there, watch(folder_around->get(), path_at(*parent)));
  if (there != around) {
    if (there != none && !folders_.contains(there)) ::inotify_rm_watch(queue_.get(), there);
    return Came::not_there;
  }
  const Where where{.root = parent->root, .below = joined(parent->below, name)};
  TANDEM_TRY(const auto folder, open_at(where));
  if (!folder) return Came::not_there;
  TANDEM_TRY(const auto number, watch(folder->get(), path_at(where)));
  if (number == none) return Came::not_there;
  if (!put(number, around, name)) return Came::confused;
  return watch_all_in(number, where);
}

// Also where it was watched already: some of it may have been left out before. Watched first, then read: what comes in
// between is told.
Result<FolderWatch::Came> FolderWatch::watch_all_in(Number number, const Where& where) {
  std::vector<std::pair<Number, Where>> folders{{number, where}};
  auto came = Came::empty;
  for (bool first = true; !folders.empty(); first = false) {
    const auto [around, place] = std::move(folders.back());
    folders.pop_back();
    TANDEM_TRY(auto folder, open_at(place));
    if (!folder) continue;
    TANDEM_TRY(const auto found, inside(std::move(*folder)));
    if (first && !found.empty) came = Came::filled;
    for (const auto& name : found.folders) {
      Where below{.root = place.root, .below = joined(place.below, name)};
      if (leave_out_ && leave_out_(path_at(below))) continue;
      TANDEM_TRY(const auto child, open_at(below));
      if (!child) continue;
      TANDEM_TRY(const auto own, watch(child->get(), path_at(below)));
      if (own == none) continue;
      if (!put(own, around, name)) return Came::confused;
      folders.emplace_back(own, std::move(below));
    }
  }
  return came;
}

// The queue was full, or what is known of the folders contradicts itself: nobody knows what is where.
Result<void> FolderWatch::begin_anew() {
  folders_.clear();
  leaving_.reset();
  TANDEM_TRY(queue_, new_queue());
  for (std::size_t root = 0; root < roots_.size(); ++root)
    TANDEM_CHECK(watch_root(root));
  return {};
}

// ---- which folder is where

// False: it would lie in itself.
bool FolderWatch::put(Number number, Number around, const std::string& name) {
  for (auto above = around; above != none;) {
    if (above == number) return false;
    const auto known = folders_.find(above);
    above = known == folders_.end() ? none : known->second.around;
  }
  take_out(number);
  auto& folder = folders_[number];
  folder.around = around;
  folder.name = name;
  if (const auto of = folders_.find(around); of != folders_.end()) of->second.folders[name] = number;
  return true;
}

// Of the folder around it; another may have its name there by now.
void FolderWatch::take_out(Number number) {
  const auto known = folders_.find(number);
  const auto around = known == folders_.end() ? known : folders_.find(known->second.around);
  if (around == folders_.end()) return;
  const auto named = around->second.folders.find(known->second.name);
  if (named != around->second.folders.end() && named->second == number) around->second.folders.erase(named);
}

// With all below it. `watched`: it still is, as those below are.
void FolderWatch::forget(Number number, bool watched) {
  take_out(number);
  std::vector<std::pair<Number, bool>> gone{{number, watched}};
  while (!gone.empty()) {
    const auto [one, to_end] = gone.back();
    gone.pop_back();
    const auto known = folders_.extract(one);
    if (!known) continue;
    if (to_end) ::inotify_rm_watch(queue_.get(), one);
    for (const auto& [name, below] : known.mapped().folders)
      if (const auto child = folders_.find(below); child != folders_.end() && child->second.around == one)
        gone.emplace_back(below, true);
  }
}

FolderWatch::Number FolderWatch::folder_in(Number around, const std::string& name) const {
  const auto folder = folders_.find(around);
  if (folder == folders_.end()) return none;
  const auto known = folder->second.folders.find(name);
  return known == folder->second.folders.end() ? none : known->second;
}

// nullopt: one of the folders around it is not known.
std::optional<FolderWatch::Where> FolderWatch::where_is(Number number) const {
  Where where;
  for (;;) {
    const auto known = folders_.find(number);
    if (known == folders_.end()) return std::nullopt;
    const auto& folder = known->second;
    where.root = folder.root;
    if (folder.around == none) return where;
    where.below = joined(folder.name, where.below);
    number = folder.around;
  }
}

// ---- what the kernel says

Result<std::vector<FileChange>> FolderWatch::read(bool& more) {
  more = false;
  std::vector<FileChange> changes;
  ssize_t got = 0;
  if (!queue_) return changes;
  while ((got = ::read(queue_.get(), buffer_.data(), buffer_.size())) < 0 && errno == EINTR) {
  }
  if (got < 0 && errno != EAGAIN) return system_error("reading what has changed (inotify)");
  if (got <= 0) {
    TANDEM_CHECK(gone_elsewhere(changes));
    return changes;
  }
  const auto size = static_cast<std::size_t>(got);
  for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
    inotify_event head{};
    std::memcpy(&head, buffer_.data() + at, sizeof head); // a copy: records need not be aligned
    if (at + sizeof head + head.len > size) break;
    const char* name = buffer_.data() + at + sizeof head;
    at += sizeof head + head.len;
    TANDEM_TRY(const bool known,
               take({head.wd, head.mask, head.cookie, std::string(name, ::strnlen(name, head.len))}, changes));
    if (known) continue;
    TANDEM_CHECK(begin_anew());
    changes.push_back({.kind = ChangeKind::overflow, .path = {}, .from = {}});
    break;
  }
  more = true;
  return changes;
}

// False: what is where must be looked at anew.
Result<bool> FolderWatch::take(const Event& event, std::vector<FileChange>& changes) {
  const bool second_half = (event.mask & IN_MOVED_TO) != 0 && leaving_ && leaving_->cookie == event.cookie;
  if (!second_half) TANDEM_CHECK(gone_elsewhere(changes));
  if ((event.mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0) return false;
  if (!folders_.contains(event.number)) return true; // it has gone out of the roots
  if ((event.mask & IN_IGNORED) != 0) {
    forget(event.number, false);
    return true;
  }
  const auto around = where_is(event.number);
  if (!around) return false;
  const Where where{.root = around->root, .below = joined(around->below, event.name)};
  const bool folder = (event.mask & IN_ISDIR) != 0 || event.name.empty();
  const auto add = [&](ChangeKind kind) {
    changes.push_back({.kind = kind, .folder = folder, .path = path_at(where), .from = {}});
  };
  if ((event.mask & IN_MOVED_FROM) != 0)
    leaving_ = Leaving{.cookie = event.cookie,
                       .folder = folder,
                       .from = where,
                       .number = folder ? folder_in(event.number, event.name) : none};
  if ((event.mask & IN_MOVED_TO) != 0) return arrived(event, folder, where, changes);
  if ((event.mask & IN_CREATE) != 0) {
    const auto came = folder ? come_to(event, where) : Result<Came>(Came::empty);
    if (!came) return std::unexpected(came.error());
    if (*came == Came::confused) return false;
    add(*came == Came::filled ? ChangeKind::renamed : ChangeKind::made);
  }
  // Of a folder its own watch says so: another may have its name by now.
  if ((event.mask & IN_DELETE) != 0) add(ChangeKind::removed);
  if ((event.mask & IN_MODIFY) != 0) add(ChangeKind::growing);
  if ((event.mask & IN_CLOSE_WRITE) != 0) add(ChangeKind::written);
  if ((event.mask & IN_ATTRIB) != 0) add(ChangeKind::altered);
  return true;
}

Result<FolderWatch::Came> FolderWatch::come_to(const Event& event, const Where& where) {
  if (leave_out_ && leave_out_(path_at(where))) return Came::not_there;
  return watch_below(event.number, event.name);
}

Result<bool> FolderWatch::arrived(const Event& event, bool folder, const Where& where,
                                  std::vector<FileChange>& changes) {
  const auto from = std::exchange(leaving_, std::nullopt); // of another rename there is none any more
  changes.push_back(
      {.kind = ChangeKind::renamed, .folder = folder, .path = path_at(where), .from = from ? path_at(from->from) : ""});
  if (!folder) return true;
  if (leave_out_ && leave_out_(path_at(where))) { // where nothing is watched
    if (from) TANDEM_CHECK(forget_gone(*from));
    return true;
  }
  TANDEM_TRY(const auto came, watch_below(event.number, event.name));
  // It may have gone on from there, which is told next; what is told of it until then is about this place.
  if (came == Came::not_there && from && from->number != none && folders_.contains(from->number))
    return put(from->number, event.number, event.name);
  return came != Came::confused;
}

// The other half did not come: it went out of the roots.
Result<void> FolderWatch::gone_elsewhere(std::vector<FileChange>& changes) {
  if (!leaving_) return {};
  const auto gone = *std::exchange(leaving_, std::nullopt);
  changes.push_back({.kind = ChangeKind::renamed, .folder = gone.folder, .path = {}, .from = path_at(gone.from)});
  return forget_gone(gone);
}

// Unless it is there all the same: names that are read late may be those of others by now.
Result<void> FolderWatch::forget_gone(const Leaving& gone) {
  if (gone.number == none) return {};
  TANDEM_TRY(const auto there, open_at(gone.from));
  if (there) {
    TANDEM_TRY(const auto number, watch(there->get(), path_at(gone.from)));
    if (number == gone.number) return {};
    if (number != none && !folders_.contains(number)) ::inotify_rm_watch(queue_.get(), number); // its own word comes
  }
  forget(gone.number, true);
  return {};
}

} // namespace tandem::system
