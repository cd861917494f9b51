// Bytes to and from another program over a socket without ever waiting for it, and waiting for several things at once.
#pragma once
#include "system/descriptor.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::system {

// Two ends of a socket pair.
Result<std::pair<Descriptor, Descriptor>> make_link();

// Whatever has come, at most 256 KiB: "" when that is nothing, nullopt at the end.
Result<std::optional<std::string>> read_link(int socket);
// How many of the bytes it takes now, which may be none. unavailable: the other end is closed.
Result<std::size_t> write_link(int socket, std::string_view bytes);
// All of them, however long that takes. unavailable: the other end is closed.
Result<void> write_link_all(int socket, std::string_view bytes);
// All of them, however long that takes.
Result<void> write_all(int file, std::string_view bytes);
// Waits for what comes next: "" never, nullopt at the end.
Result<std::optional<std::string>> read_next(int file);

// Wakes a thread that waits in wait_for(). Any thread.
class Waker {
public:
  static Result<Waker> make();

  [[nodiscard]] int descriptor() const { return event_.get(); }

  void wake() const;
  void calm() const; // what woke it is seen to

private:
  explicit Waker(Descriptor event) : event_(std::move(event)) {}

  Descriptor event_;
};

struct WaitFor {
  int descriptor = -1; // below 0: left out
  bool room = false;   // to write; else something to read
};

// Until one of them is ready, or the limit.
void wait_for(const std::vector<WaitFor>& these, std::chrono::milliseconds limit);

} // namespace tandem::system
