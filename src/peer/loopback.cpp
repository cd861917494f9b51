#include "peer/transport.hpp"

#include <arpa/inet.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tandem::peer {

namespace {

using asio::ip::tcp;

class LoopbackListener final : public std::enable_shared_from_this<LoopbackListener> {
public:
  LoopbackListener(Loop& loop, TakeDescriptor take) : loop_(loop), take_(std::move(take)), acceptor_(loop.context()) {}

  std::error_code open(std::uint16_t port) {
    std::error_code error;
    const tcp::endpoint end(asio::ip::address_v4::loopback(), port);
    if (acceptor_.open(end.protocol(), error)) return error;
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (acceptor_.bind(end, error) || acceptor_.listen(tcp::acceptor::max_listen_connections, error)) return error;
    return {};
  }

  std::uint16_t port() {
    std::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
  }

  void accept_next() {
    acceptor_.async_accept([self = shared_from_this()](const std::error_code& error, tcp::socket socket) {
      if (self->stopped_) return;
      if (error) {
        self->again_ = self->loop_.after(std::chrono::milliseconds(100), [self] { self->accept_next(); });
        return;
      }
      std::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      self->take_(system::Descriptor(socket.release(ignored)));
      self->accept_next();
    });
  }

  void stop() {
    stopped_ = true;
    again_.cancel();
    std::error_code ignored;
    acceptor_.close(ignored);
  }

private:
  Loop& loop_;
  TakeDescriptor take_;
  tcp::acceptor acceptor_;
  Timer again_;
  bool stopped_ = false;
};

class LoopbackHandle final : public Listener {
public:
  explicit LoopbackHandle(std::shared_ptr<LoopbackListener> listener) : listener_(std::move(listener)) {}

  ~LoopbackHandle() override { listener_->stop(); }

  std::uint16_t port() const override { return listener_->port(); }

private:
  std::shared_ptr<LoopbackListener> listener_;
};

} // namespace

Result<std::unique_ptr<Listener>> listen_loopback(Loop& loop, std::uint16_t port, TakeDescriptor take) {
  auto listener = std::make_shared<LoopbackListener>(loop, std::move(take));
  if (const std::error_code error = listener->open(port))
    return failed(fmt::format("listening on 127.0.0.1 port {}: {}", port, error.message()));
  listener->accept_next();
  return std::make_unique<LoopbackHandle>(std::move(listener));
}

Result<system::Descriptor> connect_loopback(std::uint16_t port) {
  system::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto where = fmt::format("127.0.0.1 port {}", port);
  if (!socket) return system::system_error("a socket for " + where);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system::system_error("connecting to " + where);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

} // namespace tandem::peer
