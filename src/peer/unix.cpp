#include "peer/stream_connection.hpp"
#include "peer/transport.hpp"

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::peer {

namespace {

using asio::local::stream_protocol;
using UnixConnection = StreamConnection<stream_protocol::socket>;

// The user of the program at the other end, which the kernel vouches for.
std::optional<uid_t> user_of(stream_protocol::socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

class UnixListener final : public std::enable_shared_from_this<UnixListener> {
public:
  UnixListener(Loop& loop, Accept accept) : loop_(loop), accept_(std::move(accept)), acceptor_(loop.context()) {}

  std::error_code open(const std::string& path) {
    std::error_code error;
    const stream_protocol::endpoint end(path);
    if (acceptor_.open(end.protocol(), error) || acceptor_.bind(end, error)) return error;
    using std::filesystem::perms;
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write, error);
    if (error || acceptor_.listen(stream_protocol::acceptor::max_listen_connections, error)) return error;
    return {};
  }

  void accept_next() {
    acceptor_.async_accept([self = shared_from_this()](const std::error_code& error, stream_protocol::socket socket) {
      if (self->stopped_) return;
      if (error) {
        self->again_ = self->loop_.after(std::chrono::milliseconds(100), [self] { self->accept_next(); });
        return;
      }
      self->take(std::move(socket));
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
  void take(stream_protocol::socket socket) {
    const auto user = user_of(socket);
    if (!user || (*user != 0 && *user != geteuid())) return;
    accept_(std::make_shared<UnixConnection>(loop_, std::make_unique<stream_protocol::socket>(std::move(socket)), "",
                                             fmt::format("a command of user {}", *user), nullptr));
  }

  Loop& loop_;
  Accept accept_;
  stream_protocol::acceptor acceptor_;
  Timer again_;
  bool stopped_ = false;
};

class UnixListenerHandle final : public Listener {
public:
  UnixListenerHandle(std::shared_ptr<UnixListener> listener, std::string path)
      : listener_(std::move(listener)), path_(std::move(path)) {}

  ~UnixListenerHandle() override {
    listener_->stop();
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  std::uint16_t port() const override { return 0; }

private:
  std::shared_ptr<UnixListener> listener_;
  std::string path_;
};

bool somebody_listens(Loop& loop, const std::string& path) {
  stream_protocol::socket probe(loop.context());
  std::error_code error;
  probe.connect(stream_protocol::endpoint(path), error);
  return !error;
}

} // namespace

Result<std::unique_ptr<Listener>> listen_unix(Loop& loop, const std::string& path, Accept accept) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return fail(ErrorKind::invalid, path + " is too long for a socket's path");
  if (somebody_listens(loop, path))
    return fail(ErrorKind::refused, "another agent already listens on " + path,
                "`systemctl status tandem` tells about it");
  std::error_code ignored;
  std::filesystem::remove(path, ignored); // left behind by an agent that was killed
  auto listener = std::make_shared<UnixListener>(loop, std::move(accept));
  if (const std::error_code error = listener->open(path))
    return failed(fmt::format("listening for commands on {}: {}", path, error.message()));
  listener->accept_next();
  return std::make_unique<UnixListenerHandle>(std::move(listener), path);
}

} // namespace tandem::peer
