#include "system/link.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace tandem::system {

namespace {

constexpr std::size_t most_at_once = std::size_t{256} << 10U;

bool is_gone(int error) {
  return error == EPIPE || error == ECONNRESET;
}

// Into which this thread reads: to make room and clear it for each read takes longer than most reads.
std::vector<char>& room_of_thread() {
  thread_local std::vector<char> room(most_at_once);
  return room;
}

} // namespace

Result<std::pair<Descriptor, Descriptor>> make_link() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return system_error("making a pair of sockets");
  return std::pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<std::optional<std::string>> read_link(int socket) {
  auto& room = room_of_thread();
  for (;;) {
    const auto got = ::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::string();
    if (got == 0 || (got < 0 && is_gone(errno))) return std::nullopt;
    if (got < 0) return system_error("reading from a socket");
    return std::string(room.data(), static_cast<std::size_t>(got));
  }
}

Result<std::size_t> write_link(int socket, std::string_view bytes) {
  for (;;) {
    const auto took = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took >= 0) return static_cast<std::size_t>(took);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (is_gone(errno)) return fail(ErrorKind::unavailable, "the other side has gone");
    return system_error("writing to a socket");
  }
}

Result<void> write_link_all(int socket, std::string_view bytes) {
  for (;;) {
    TANDEM_TRY(const auto took, write_link(socket, bytes));
    bytes.remove_prefix(took);
    if (bytes.empty()) return {};
    wait_for({{.descriptor = socket, .room = true}}, std::chrono::minutes(1));
  }
}

Result<void> write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto took = ::write(file, bytes.data(), bytes.size());
    if (took < 0 && errno == EINTR) continue;
    if (took < 0) return system_error("writing to the other side");
    bytes.remove_prefix(static_cast<std::size_t>(took));
  }
  return {};
}

Result<std::optional<std::string>> read_next(int file) {
  auto& room = room_of_thread();
  for (;;) {
    const auto got = ::read(file, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && !is_gone(errno)) return system_error("reading from the other side");
    if (got <= 0) return std::nullopt;
    return std::string(room.data(), static_cast<std::size_t>(got));
  }
}

Result<Waker> Waker::make() {
  Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return system_error("making an eventfd");
  return Waker(std::move(event));
}

void Waker::wake() const {
  const std::uint64_t one = 1;
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR)
    ; // full: it is awake already
}

void Waker::calm() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(event_.get(), &count, sizeof count); // nothing: nobody has woken it
}

void wait_for(const std::vector<WaitFor>& these, std::chrono::milliseconds limit) {
  std::vector<pollfd> waits;
  for (const auto& one : these)
    if (one.descriptor >= 0)
      waits.push_back({.fd = one.descriptor, .events = static_cast<short>(one.room ? POLLOUT : POLLIN), .revents = 0});
  ::poll(waits.data(), waits.size(), static_cast<int>(limit.count()));
}

} // namespace tandem::system
