#include "system/descriptor.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace tandem::system {

void Descriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<void> Descriptor::close() {
  if (::close(std::exchange(fd_, -1)) != 0) return system_error("closing a file");
  return {};
}

std::unexpected<Error> system_error(const std::string& what) {
  const int code = errno;
  const auto kind = code == ENOENT ? ErrorKind::not_found : ErrorKind::failed;
  return fail(kind, what + ": " + std::generic_category().message(code));
}

} // namespace tandem::system
