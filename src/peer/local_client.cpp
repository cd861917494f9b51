#include "peer/local_client.hpp"

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace tandem::peer {

namespace {

constexpr std::chrono::seconds hello_limit{10};

std::unexpected<Error> no_agent(const std::string& path, int error) {
  if (error == EACCES || error == EPERM)
    return fail(ErrorKind::refused, "only root may ask the agent", "Run the command with sudo");
  return fail(ErrorKind::unavailable,
              fmt::format("the agent of this server does not run ({}: {})", path, std::strerror(error)),
              "On a new server: `tandem init` or `tandem join`. Else `systemctl start tandem`; `journalctl -u tandem` "
              "tells why it ended");
}

std::unexpected<Error> agent_gone() {
  return fail(ErrorKind::unavailable, "the agent went away before it answered",
              "`tandem status` shows what became of it, once the agent runs again");
}

} // namespace

Result<LocalClient> LocalClient::connect(const std::string& path, const std::string& version) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::invalid, path + " is too long for a socket's path");
  path.copy(address.sun_path, path.size());
  LocalClient client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (client.socket_ < 0 || ::connect(client.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return no_agent(path, errno);
  TANDEM_CHECK(client.send({.kind = MessageKind::hello, .standing = {}, .hello = {"", "", "command", version}}));
  TANDEM_TRY(const Message hello, client.receive(hello_limit));
  if (hello.kind == MessageKind::goodbye) return std::unexpected(*hello.error);
  if (hello.kind != MessageKind::hello) return fail(ErrorKind::invalid, "the agent did not begin with hello");
  client.agent_ = hello.hello;
  return client;
}

LocalClient::~LocalClient() {
  if (socket_ >= 0) ::close(socket_);
}

LocalClient::LocalClient(LocalClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), reader_(std::move(other.reader_)), agent_(std::move(other.agent_)),
      last_asked_(other.last_asked_) {}

void LocalClient::hang_up() {
  ::shutdown(socket_, SHUT_RDWR);
}

Result<void> LocalClient::send(const Message& message) {
  const std::string frame = framed(encode(message));
  for (std::string_view rest = frame; !rest.empty();) {
    const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return agent_gone();
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<Message> LocalClient::receive(std::optional<std::chrono::milliseconds> time_limit) {
  for (;;) {
    TANDEM_TRY(const auto payload, reader_.next());
    if (payload) return decode(*payload);
    pollfd waiting{socket_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, time_limit ? static_cast<int>(time_limit->count()) : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0)
      return fail(ErrorKind::unavailable, "the agent of this server does not answer",
                  "`systemctl restart tandem` starts it anew; nothing is lost by that");
    std::array<char, 65536> bytes{};
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return agent_gone();
    reader_.take({bytes.data(), static_cast<std::size_t>(got)});
  }
}

Result<Json> LocalClient::call(const std::string& method, const Json& params,
                               const std::function<void(const Json&)>& on_event) {
  const std::uint64_t id = ++last_asked_;
  TANDEM_CHECK(
      send({.kind = MessageKind::request, .standing = {}, .id = id, .method = method, .payload = Payload(params)}));
  for (;;) {
    TANDEM_TRY(Message message, receive(std::nullopt));
    if (message.kind == MessageKind::goodbye) return std::unexpected(*std::move(message.error));
    if (message.kind == MessageKind::event && message.id == id && on_event) on_event(*message.payload);
    if (message.kind != MessageKind::response || message.id != id) continue;
    if (message.error) return std::unexpected(*std::move(message.error));
    return std::move(message.payload).take();
  }
}

} // namespace tandem::peer
