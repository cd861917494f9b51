#include "peer/acceptor.hpp"
#include "peer/stream_connection.hpp"

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

std::error_code open_for_owner(stream_protocol::acceptor& acceptor, const std::string& path) {
  std::error_code error;
  const stream_protocol::endpoint end(path);
  if (acceptor.open(end.protocol(), error) || acceptor.bind(end, error)) return error;
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_read | perms::owner_write, error);
  if (error) return error;
  acceptor.listen(stream_protocol::acceptor::max_listen_connections, error);
  return error;
}

void take_command(Loop& loop, stream_protocol::socket socket, const Accept& accept) {
  const auto user = user_of(socket);
  if (!user || (*user != 0 && *user != geteuid())) return;
  accept(std::make_shared<UnixConnection>(loop, std::make_unique<stream_protocol::socket>(std::move(socket)), "",
                                          fmt::format("a command of user {}", *user), nullptr));
}

class UnixListenerHandle final : public AcceptorHandle<stream_protocol> {
public:
  UnixListenerHandle(std::shared_ptr<Acceptor<stream_protocol>> acceptor, std::string path)
      : AcceptorHandle(std::move(acceptor)), path_(std::move(path)) {}

  ~UnixListenerHandle() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

private:
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
  auto acceptor = std::make_shared<Acceptor<stream_protocol>>(
      loop, [&loop, accept = std::move(accept)](stream_protocol::socket socket) {
        take_command(loop, std::move(socket), accept);
      });
  if (const std::error_code error = open_for_owner(acceptor->raw(), path))
    return failed(fmt::format("listening for commands on {}: {}", path, error.message()));
  acceptor->start();
  return std::make_unique<UnixListenerHandle>(std::move(acceptor), path);
}

} // namespace tandem::peer
