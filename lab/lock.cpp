#include "lab/lock.hpp"

#include "base/text.hpp"
#include "lab/wait.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace tandem::lab {

namespace {

std::string holder(int file) {
  std::array<char, 32> text{};
  const auto count = ::pread(file, text.data(), text.size(), 0);
  return count > 0 ? " (process " + std::string(trim({text.data(), static_cast<std::size_t>(count)})) + ")" : "";
}

// The holder may have removed the file before it let go: then a lock on it means nothing.
bool still_named(int file, const std::string& path) {
  struct stat ours{}, named{};
  return ::fstat(file, &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino;
}

} // namespace

Result<Lock> Lock::take(const std::string& file, std::chrono::milliseconds limit) {
  system::Descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!opened) return system::system_error("opening " + file);
  if (!wait_until([&] { return ::flock(opened.get(), LOCK_EX | LOCK_NB) == 0; }, limit))
    return fail(ErrorKind::refused, "another tandem-lab" + holder(opened.get()) + " is at work on it",
                "Wait for it, or end it first.");
  if (!still_named(opened.get(), file))
    return fail(ErrorKind::refused, "it was taken down at this moment", "Try again.");
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(opened.get(), 0) != 0 || ::pwrite(opened.get(), pid.data(), pid.size(), 0) < 0)
    return system::system_error("writing " + file);
  return Lock(std::move(opened));
}

} // namespace tandem::lab
