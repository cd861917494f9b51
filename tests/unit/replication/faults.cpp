#include "faults.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace tandem::faults {

namespace {

std::mutex mutex;                 // of all that follows
unsigned often = 0;               // one of so many fails; 0: none
std::thread::id spared;           // whose calls never do
std::mt19937 chance;              // NOLINT(cert-msc51-cpp): seeded by each test
std::string chosen;               // the only call that fails; empty: each
std::map<std::string, int> seen;  // by call and error
std::atomic<bool> active = false; // so that calls cost nothing when none is to fail

// The error that this call is to have; 0: none.
int fault(const char* call, std::initializer_list<int> errors) {
  if (!active) return 0;
  const std::lock_guard guard(mutex);
  if (often == 0 || std::this_thread::get_id() == spared || (!chosen.empty() && chosen != call)) return 0;
  if (chance() % often != 0) return 0;
  const int error = *(errors.begin() + chance() % errors.size());
  ++seen[fmt::format("{} {}", call, error == 0 ? "short" : strerrorname_np(error))];
  return error == 0 ? -1 : error;
}

} // namespace

Faults::Faults(unsigned seed, unsigned one_in) {
  const std::lock_guard guard(mutex);
  chance.seed(seed);
  often = one_in;
  spared = std::this_thread::get_id();
  seen.clear();
  chosen.clear();
  active = true;
}

Faults::~Faults() {
  active = false;
  const std::lock_guard guard(mutex);
  often = 0;
}

std::string Faults::told() {
  const std::lock_guard guard(mutex);
  std::string text;
  for (const auto& [what, count] : seen)
    text += fmt::format("{} x{}, ", what, count);
  return text;
}

void Faults::only(const std::string& call) {
  const std::lock_guard guard(mutex);
  chosen = call;
}

std::uint64_t Faults::count() {
  const std::lock_guard guard(mutex);
  std::uint64_t count = 0;
  for (const auto& [what, times] : seen)
    count += static_cast<std::uint64_t>(times);
  return count;
}

} // namespace tandem::faults

// The names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,cert-dcl50-cpp)
#define TANDEM_FAULTY(call, type, parameters, arguments, ...)                                                          \
  type __real_##call parameters;                                                                                       \
  type __wrap_##call parameters {                                                                                      \
    if (const int error = tandem::faults::fault(#call, {__VA_ARGS__}); error != 0) {                                   \
      errno = error;                                                                                                   \
      return static_cast<type>(-1);                                                                                    \
    }                                                                                                                  \
    return __real_##call arguments;                                                                                    \
  }

// Some of it is read or written, and then less than that: an error of 0. An eventfd(2) gives and takes eight bytes at a
// time.
#define TANDEM_SHORT(call, parameters, arguments, fewer, ...)                                                          \
  ssize_t __real_##call parameters;                                                                                    \
  ssize_t __wrap_##call parameters {                                                                                   \
    const int error = tandem::faults::fault(#call, {__VA_ARGS__});                                                     \
    if (error == -1 && size > sizeof(std::uint64_t)) return __real_##call fewer;                                       \
    if (error > 0) {                                                                                                   \
      errno = error;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return __real_##call arguments;                                                                                    \
  }

extern "C" {
TANDEM_FAULTY(syscall, long, (long number, long a, long b, long c, long d, long e, long f), (number, a, b, c, d, e, f),
              EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN, EIO, EACCES)
TANDEM_FAULTY(openat, int, (int folder, const char* path, int flags, mode_t mode), (folder, path, flags, mode), EMFILE,
              ENOMEM, EIO, ENOSPC, EDQUOT)
TANDEM_FAULTY(name_to_handle_at, int, (int folder, const char* name, file_handle* handle, int* mount, int flags),
              (folder, name, handle, mount, flags), EIO, ENOMEM)
TANDEM_FAULTY(open_by_handle_at, int, (int mount, file_handle* handle, int flags), (mount, handle, flags), EMFILE,
              ENOMEM)
TANDEM_FAULTY(fcntl, int, (int file, int command, long argument), (file, command, argument), EMFILE)
TANDEM_FAULTY(fstat, int, (int file, struct stat* status), (file, status), EIO, ENOMEM)
TANDEM_FAULTY(fstatat, int, (int folder, const char* path, struct stat* status, int flags),
              (folder, path, status, flags), EIO, ENOMEM)
TANDEM_FAULTY(readlinkat, ssize_t, (int folder, const char* path, char* text, size_t size), (folder, path, text, size),
              EIO, ENOMEM)
TANDEM_FAULTY(listxattr, ssize_t, (const char* path, char* list, size_t size), (path, list, size), EIO, ENOMEM)
TANDEM_FAULTY(llistxattr, ssize_t, (const char* path, char* list, size_t size), (path, list, size), EIO, ENOMEM)
TANDEM_FAULTY(getxattr, ssize_t, (const char* path, const char* name, void* value, size_t size),
              (path, name, value, size), EIO, ENOMEM)
TANDEM_FAULTY(lgetxattr, ssize_t, (const char* path, const char* name, void* value, size_t size),
              (path, name, value, size), EIO, ENOMEM)
TANDEM_FAULTY(setxattr, int, (const char* path, const char* name, const void* value, size_t size, int flags),
              (path, name, value, size, flags), EIO, ENOSPC, EDQUOT)
TANDEM_FAULTY(removexattr, int, (const char* path, const char* name), (path, name), EIO, ENOSPC)
TANDEM_FAULTY(fchown, int, (int file, uid_t user, gid_t group), (file, user, group), EIO, EDQUOT)
TANDEM_FAULTY(fchownat, int, (int folder, const char* path, uid_t user, gid_t group, int flags),
              (folder, path, user, group, flags), EIO, EDQUOT)
TANDEM_FAULTY(fchmod, int, (int file, mode_t mode), (file, mode), EIO)
TANDEM_FAULTY(futimens, int, (int file, const timespec* times), (file, times), EIO)
TANDEM_FAULTY(utimensat, int, (int folder, const char* path, const timespec* times, int flags),
              (folder, path, times, flags), EIO)
TANDEM_FAULTY(linkat, int, (int folder, const char* path, int there, const char* name, int flags),
              (folder, path, there, name, flags), EIO, ENOSPC, EDQUOT, EMLINK)
TANDEM_FAULTY(renameat, int, (int folder, const char* path, int there, const char* name), (folder, path, there, name),
              EIO, ENOSPC, EDQUOT)
TANDEM_FAULTY(unlinkat, int, (int folder, const char* path, int flags), (folder, path, flags), EIO, EBUSY)
TANDEM_FAULTY(mkdirat, int, (int folder, const char* path, mode_t mode), (folder, path, mode), EIO, ENOSPC, EDQUOT,
              EMLINK)
TANDEM_FAULTY(symlinkat, int, (const char* target, int folder, const char* path), (target, folder, path), EIO, ENOSPC)
TANDEM_FAULTY(ftruncate, int, (int file, off_t size), (file, size), EIO, ENOSPC, EINTR)
TANDEM_FAULTY(syncfs, int, (int file), (file), EIO, ENOSPC)
TANDEM_SHORT(pread, (int file, void* bytes, size_t size, off_t offset), (file, bytes, size, offset),
             (file, bytes, size / 2, offset), EIO, EINTR, 0)
TANDEM_SHORT(pwrite, (int file, const void* bytes, size_t size, off_t offset), (file, bytes, size, offset),
             (file, bytes, size / 2, offset), EIO, EINTR, ENOSPC, EDQUOT, 0)
TANDEM_SHORT(read, (int file, void* bytes, size_t size), (file, bytes, size), (file, bytes, size), EINTR)
TANDEM_SHORT(write, (int file, const void* bytes, size_t size), (file, bytes, size), (file, bytes, size / 2), EINTR, 0)
TANDEM_SHORT(send, (int file, const void* bytes, size_t size, int flags), (file, bytes, size, flags),
             (file, bytes, size / 2, flags), EINTR, EAGAIN, 0)
TANDEM_SHORT(recv, (int file, void* bytes, size_t size, int flags), (file, bytes, size, flags),
             (file, bytes, size / 2, flags), EINTR, EAGAIN, 0)
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,cert-dcl50-cpp)
