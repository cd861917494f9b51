#include "agent/hook_door.hpp"

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <set>

namespace tandem::agent {

namespace {

using HookProtocol = asio::local::stream_protocol;

constexpr std::size_t most_hooks = 64; // at once
constexpr auto longest_hook = std::chrono::seconds(30);

std::string head_of(const HookAnswer& answer) {
  const auto* reason = answer.status < 300 ? "OK" : answer.status < 500 ? "Refused" : "Service Unavailable";
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n",
                     answer.status, reason, answer.text.size() + 1, answer.status == 503 ? "Retry-After: 30\r\n" : "");
}

// Reads a request, lets it be answered, and ends.
class HookConnection : public std::enable_shared_from_this<HookConnection> {
public:
  using Gone = std::function<void(const std::shared_ptr<HookConnection>&)>;

  HookConnection(HookProtocol::socket socket, std::uint64_t largest, HookDoor::Take take, Gone gone)
      : socket_(std::move(socket)), largest_(largest), take_(std::move(take)), gone_(std::move(gone)) {}

  void begin(peer::Loop& loop) {
    limit_ = loop.after(longest_hook, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end();
    });
    read();
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    limit_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
    take_ = {};
    if (const auto gone = std::exchange(gone_, {})) gone(shared_from_this());
  }

private:
  void read() {
    socket_.async_read_some(asio::buffer(part_),
                            [self = shared_from_this()](const std::error_code& error, std::size_t got) {
                              if (error) return self->end();
                              self->bytes_.append(self->part_.data(), got);
                              self->look();
                            });
  }

  void look() {
    if (ended_) return;
    auto request = whole_request(bytes_, largest_);
    if (!request) return reply({400, request.error().message});
    if (!*request) return read();
    bytes_.clear();
    take_(**std::move(request), [weak = weak_from_this()](const HookAnswer& answer) {
      if (const auto self = weak.lock()) self->reply(answer);
    });
  }

  void reply(const HookAnswer& answer) {
    if (ended_ || !answer_.empty()) return;
    answer_ = head_of(answer) + answer.text + "\n";
    asio::async_write(socket_, asio::buffer(answer_),
                      [self = shared_from_this()](const std::error_code&, std::size_t) { self->end(); });
  }

  HookProtocol::socket socket_;
  const std::uint64_t largest_;
  HookDoor::Take take_;
  Gone gone_;
  peer::Timer limit_;
  std::array<char, 16384> part_{};
  std::string bytes_;
  std::string answer_;
  bool ended_ = false;
};

} // namespace

// Shared with the connections, which hold it weakly.
struct HookDoor::Parts : std::enable_shared_from_this<HookDoor::Parts> {
  Parts(peer::Loop& loop_, std::uint64_t largest_, Take take_)
      : loop(loop_), acceptor(loop_.context()), largest(largest_), take(std::move(take_)) {}

  peer::Loop& loop;
  HookProtocol::acceptor acceptor;
  const std::uint64_t largest;
  const Take take;
  std::string path;
  peer::Timer accept_again;
  std::set<std::shared_ptr<HookConnection>> connections;
  bool stopped = false;

  void accept_next() {
    acceptor.async_accept([self = shared_from_this()](const std::error_code& error, HookProtocol::socket socket) {
      if (self->stopped) return;
      if (error) { // too many open files, say
        self->accept_again = self->loop.after(std::chrono::milliseconds(100), [weak = std::weak_ptr(self)] {
          if (const auto parts = weak.lock()) parts->accept_next();
        });
        return;
      }
      if (self->connections.size() < most_hooks) self->admit(std::move(socket));
      self->accept_next();
    });
  }

  void admit(HookProtocol::socket socket) {
    auto connection =
        std::make_shared<HookConnection>(std::move(socket), largest, take, [weak = weak_from_this()](const auto& gone) {
          if (const auto parts = weak.lock()) parts->connections.erase(gone);
        });
    connections.insert(connection);
    connection->begin(loop);
  }
};

HookDoor::HookDoor(peer::Loop& loop, std::uint64_t largest_body, Take take)
    : parts_(std::make_shared<Parts>(loop, largest_body, std::move(take))) {}

HookDoor::~HookDoor() {
  parts_->stopped = true;
  parts_->accept_again.cancel();
  std::error_code ignored;
  parts_->acceptor.close(ignored);
  if (!parts_->path.empty()) std::filesystem::remove(parts_->path, ignored);
  for (const auto& connection : std::exchange(parts_->connections, {}))
    connection->end();
}

Result<void> HookDoor::listen(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  const HookProtocol::endpoint end(path);
  auto& acceptor = parts_->acceptor;
  using std::filesystem::perms;
  if (!acceptor.open(end.protocol(), error) && !acceptor.bind(end, error))
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write, error);
  if (!error) acceptor.listen(HookProtocol::acceptor::max_listen_connections, error);
  if (error) return failed("listening for pushes on " + path + ": " + error.message());
  parts_->path = path;
  parts_->accept_next();
  return {};
}

} // namespace tandem::agent
