// An owned file descriptor, closed when it goes; and an error that quotes errno.
#pragma once
#include "base/result.hpp"

#include <string>
#include <utility>

namespace tandem::system {

class Descriptor {
public:
  Descriptor() = default;

  explicit Descriptor(int fd) : fd_(fd) {}

  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const { return fd_; }

  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }

  // Gives it away: the caller's from here on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  void reset();
  // Closes and reports what close() says; data errors of network file systems appear only here.
  Result<void> close();

private:
  int fd_ = -1;
};

// "what PATH: No such file or directory", with kind not_found for ENOENT. Reads errno.
std::unexpected<Error> system_error(const std::string& what);

} // namespace tandem::system
