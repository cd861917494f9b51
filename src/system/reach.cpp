#include "system/reach.hpp"

#include "system/descriptor.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>

namespace tandem::system {

namespace {

struct Knock {
  std::uint16_t port = 0;
  Descriptor socket;
};

// A socket that connects; an invalid one when that failed at once.
Descriptor connecting(const std::string& address, std::uint16_t port) {
  const addrinfo hints{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  if (::connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) return {};
  return socket;
}

bool accepted(const Descriptor& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

} // namespace

std::vector<std::uint16_t> LinuxReach::open_ports(const std::string& address, const std::vector<std::uint16_t>& ports,
                                                  std::chrono::milliseconds limit) {
  std::vector<Knock> open;
  for (const auto port : ports)
    if (auto socket = connecting(address, port); socket) open.push_back({port, std::move(socket)});
  std::vector<std::uint16_t> answered;
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!open.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    std::vector<pollfd> polled;
    for (const auto& knock : open)
      polled.push_back({.fd = knock.socket.get(), .events = POLLOUT, .revents = 0});
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) <= 0) break;
    for (std::size_t i = open.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      if (accepted(open[i].socket)) answered.push_back(open[i].port);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  std::ranges::sort(answered);
  return answered;
}

} // namespace tandem::system
