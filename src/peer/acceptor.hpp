// What every listener of this folder does alike: accepts one connection after the other until its handle goes away.
#pragma once
#include "peer/transport.hpp"

#include <asio/io_context.hpp>

namespace tandem::peer {

template <class Protocol>
class Acceptor final : public std::enable_shared_from_this<Acceptor<Protocol>> {
public:
  using Socket = typename Protocol::socket;

  Acceptor(Loop& loop, std::function<void(Socket)> take)
      : loop_(loop), take_(std::move(take)), acceptor_(loop.context()) {}

  // For its owner to open and bind before it starts.
  [[nodiscard]] typename Protocol::acceptor& raw() { return acceptor_; }

  [[nodiscard]] bool stopped() const { return stopped_; }

  void start() {
    acceptor_.async_accept([self = this->shared_from_this()](const std::error_code& error, Socket socket) {
      if (self->stopped_) return;
      if (error) { // too many open files, say: later there may be room
        self->again_ = self->loop_.after(std::chrono::milliseconds(100), [self] { self->start(); });
        return;
      }
      self->take_(std::move(socket));
      self->start();
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
  std::function<void(Socket)> take_;
  typename Protocol::acceptor acceptor_;
  Timer again_;
  bool stopped_ = false;
};

// The acceptor works on in its callbacks' shared ownership; this is the owner's handle that ends it.
template <class Protocol>
class AcceptorHandle : public Listener {
public:
  explicit AcceptorHandle(std::shared_ptr<Acceptor<Protocol>> acceptor) : acceptor_(std::move(acceptor)) {}

  ~AcceptorHandle() override { acceptor_->stop(); }

  std::uint16_t port() const override {
    if constexpr (requires(typename Protocol::endpoint end) { end.port(); }) {
      std::error_code ignored;
      return acceptor_->raw().local_endpoint(ignored).port();
    }
    return 0;
  }

private:
  std::shared_ptr<Acceptor<Protocol>> acceptor_;
};

} // namespace tandem::peer
