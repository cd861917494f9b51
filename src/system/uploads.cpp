#include "system/uploads.hpp"

#include "system/descriptor.hpp"
#include "system/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace tandem::system {

namespace {

// Not waiting for whoever may write to a pipe of that name.
Result<Descriptor> open_upload(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return system_error("opening " + path);
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return system_error("looking at " + path);
  if (!S_ISREG(found.st_mode)) return fail(ErrorKind::refused, path + " is no plain file");
  return fd;
}

// Whoever opens it for writing just then breaks the lease, of which the kernel tells by a signal: by one that does
// nothing where SIGIO, its default, would end this process.
Result<bool> is_written(const Descriptor& fd, const std::string& path) {
  if (::fcntl(fd.get(), F_SETSIG, SIGURG) != 0) return system_error("asking who writes to " + path);
  if (::fcntl(fd.get(), F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(fd.get(), F_SETLEASE, F_UNLCK);
    return false;
  }
  if (errno == EAGAIN) return true;
  if (errno == EINVAL || errno == ENOLCK || errno == EOPNOTSUPP) return false; // no leases here
  return system_error("asking who writes to " + path);
}

bool same_moment(const struct stat& one, const struct stat& other) {
  return one.st_size == other.st_size && one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
         one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

Result<void> copy_content(const Descriptor& from, const Descriptor& to, const std::string& path) {
  std::array<char, std::size_t{256} << 10U> buffer{};
  for (;;) {
    const auto count = ::read(from.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("reading " + path);
    if (count == 0) break;
    for (ssize_t done = 0; done < count;) {
      const auto written = ::write(to.get(), buffer.data() + done, static_cast<std::size_t>(count - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return system_error("copying " + path);
      done += written;
    }
  }
  return ::fsync(to.get()) == 0 ? Result<void>() : system_error("copying " + path);
}

Result<void> copy_over(const std::string& from, const std::string& to) {
  TANDEM_TRY(const auto source, open_upload(from));
  struct stat before{};
  struct stat after{};
  if (::fstat(source.get(), &before) != 0) return system_error("looking at " + from);
  const Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!target) return system_error("making " + to);
  TANDEM_CHECK(copy_content(source, target, from));
  TANDEM_TRY(const bool written, is_written(source, from));
  if (::fstat(source.get(), &after) != 0) return system_error("looking at " + from);
  if (written || !same_moment(before, after))
    return fail(ErrorKind::unavailable, from + " was written to while it was copied");
  return {};
}

} // namespace

Result<bool> LinuxUploads::is_being_written(const std::string& path) {
  TANDEM_TRY(const auto fd, open_upload(path));
  return is_written(fd, path);
}

Result<void> LinuxUploads::move(const std::string& from, const std::string& aside, const std::string& to) {
  LinuxFiles files;
  const auto folder_of = [](const std::string& path) { return path.substr(0, path.rfind('/')); };
  if (::rename(from.c_str(), to.c_str()) == 0) return files.settle({to, folder_of(to), folder_of(from)});
  if (errno != EXDEV) return system_error("renaming " + from + " to " + to);
  if (from != aside) TANDEM_CHECK(files.rename(from, aside));
  const auto half = folder_of(to) + "/.half";
  if (auto copied = copy_over(aside, half); !copied) {
    ::unlink(half.c_str());
    return copied;
  }
  TANDEM_CHECK(files.rename(half, to));
  return files.remove(aside);
}

Result<std::string> LinuxUploads::read_part(const std::string& path, std::uint64_t offset, std::size_t most) {
  TANDEM_TRY(const auto fd, open_upload(path));
  std::string content(most, '\0');
  std::size_t done = 0;
  while (done < most) {
    const auto count = ::pread(fd.get(), content.data() + done, most - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("reading " + path);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  content.resize(done);
  return content;
}

} // namespace tandem::system
