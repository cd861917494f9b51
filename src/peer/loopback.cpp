#include "peer/acceptor.hpp"

#include <asio/ip/tcp.hpp>

namespace tandem::peer {

namespace {

using asio::ip::tcp;

system::Descriptor without_delay(tcp::socket socket) {
  std::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  return system::Descriptor(socket.release(ignored));
}

std::error_code open_on_loopback(tcp::acceptor& acceptor, std::uint16_t port) {
  std::error_code error;
  const tcp::endpoint end(asio::ip::address_v4::loopback(), port);
  if (acceptor.open(end.protocol(), error)) return error;
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (acceptor.bind(end, error)) return error;
  acceptor.listen(tcp::acceptor::max_listen_connections, error);
  return error;
}

struct Attempt {
  explicit Attempt(Loop& loop) : socket(loop.context()) {}

  tcp::socket socket;
  Timer limit;
  bool late = false;
};

} // namespace

Result<std::unique_ptr<Listener>> listen_loopback(Loop& loop, std::uint16_t port, TakeDescriptor take) {
  auto acceptor = std::make_shared<Acceptor<tcp>>(
      loop, [take = std::move(take)](tcp::socket socket) { take(without_delay(std::move(socket))); });
  if (const std::error_code error = open_on_loopback(acceptor->raw(), port))
    return failed(fmt::format("listening on 127.0.0.1 port {}: {}", port, error.message()));
  acceptor->start();
  return std::make_unique<AcceptorHandle<tcp>>(std::move(acceptor));
}

// A program that accepts nothing any more lets the kernel keep who connects waiting.
void connect_loopback(Loop& loop, std::uint16_t port, Duration limit, ConnectedDescriptor done) {
  auto attempt = std::make_shared<Attempt>(loop);
  attempt->limit = loop.after(limit, [weak = std::weak_ptr(attempt)] {
    const auto late = weak.lock();
    if (!late) return;
    late->late = true;
    std::error_code ignored;
    late->socket.close(ignored);
  });
  attempt->socket.async_connect(
      {asio::ip::address_v4::loopback(), port}, [attempt, port, done = std::move(done)](const std::error_code& error) {
        attempt->limit.cancel();
        if (!error) return done(without_delay(std::move(attempt->socket)));
        const auto why = attempt->late ? "no answer in time" : error.message();
        done(fail(ErrorKind::unavailable, fmt::format("connecting to 127.0.0.1 port {}: {}", port, why)));
      });
}

} // namespace tandem::peer
