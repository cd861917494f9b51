#include "agent/gate.hpp"

#include "agent/http_head.hpp"

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>

#include <array>
#include <list>

namespace tandem::agent {

namespace {

using asio::local::stream_protocol;
using Moment = std::chrono::steady_clock::time_point;

constexpr std::size_t most_connections = 30'000;
constexpr std::size_t first_released = 1;
constexpr std::chrono::milliseconds between_releases{20};
constexpr auto* refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n";
constexpr auto* not_here = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n";
constexpr auto* bad_request = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n";

std::string text_of(const GateAnswer& answer) {
  if (answer.kind == GateAnswer::Kind::refuse) return refusal;
  if (answer.kind == GateAnswer::Kind::elsewhere) return not_here;
  return "HTTP/1.1 200 OK\r\nX-Tandem-Target: " + answer.target + "\r\nContent-Length: 0\r\n";
}

} // namespace

GateAnswer answer(const GateState& state, bool hop) {
  switch (state.mode) {
  case GateState::Mode::closed:
    return {GateAnswer::Kind::hold, {}};
  case GateState::Mode::open:
    if (hop && !state.local) return {GateAnswer::Kind::elsewhere, {}};
    return {GateAnswer::Kind::serve, state.target};
  case GateState::Mode::refusing:
    return {GateAnswer::Kind::refuse, {}};
  }
  return {GateAnswer::Kind::refuse, {}};
}

namespace {

class GateConnection;
using ConnectionPtr = std::shared_ptr<GateConnection>;

// A request that waits. They stand in the order of their limits.
struct Held {
  ConnectionPtr connection;
  Moment since;
  Moment until;
};

} // namespace

// Shared with the connections, which hold it weakly.
struct Gate::Parts : std::enable_shared_from_this<Gate::Parts> {
  explicit Parts(peer::Loop& loop_) : loop(loop_), acceptor(loop_.context()) {}

  peer::Loop& loop;
  stream_protocol::acceptor acceptor;
  peer::Timer accept_again;
  GateState state;
  GateFigures figures;
  peer::Duration hold_limit = std::chrono::seconds(20);
  std::list<Held> held;
  peer::Timer expiry;
  peer::Timer next_release;
  std::set<ConnectionPtr> connections;
  bool stopped = false;

  void accept_next();
  void ask(const ConnectionPtr& connection);
  void hold(const ConnectionPtr& connection);
  void let_go(const Held& request);
  void release();
  void release_some(std::size_t count);
  void watch_limits();
  void expire();
  void went_away(const ConnectionPtr& connection);
  void stop();
};

namespace {

// One connection of nginx: reads a request, asks the gate, writes the answer, and again.
class GateConnection : public std::enable_shared_from_this<GateConnection> {
public:
  // What the gate does with it; both are dropped at the end.
  struct Owner {
    std::function<void(const ConnectionPtr&)> ask;
    std::function<void(const ConnectionPtr&)> gone;
  };

  GateConnection(stream_protocol::socket socket, Owner owner) : socket_(std::move(socket)), owner_(std::move(owner)) {}

  void read() {
    socket_.async_read_some(asio::buffer(bytes_),
                            [self = shared_from_this()](const std::error_code& error, std::size_t got) {
                              if (error) return self->end();
                              self->reader_.take({self->bytes_.data(), got});
                              self->next_request();
                            });
  }

  void next_request() {
    if (ended_) return;
    const auto head = reader_.next();
    if (!head) {
      keep_alive_ = false;
      return reply(bad_request);
    }
    if (!*head) return read();
    keep_alive_ = (*head)->keep_alive;
    hop_ = (*head)->target == "/hop";
    owner_.ask(shared_from_this());
  }

  // While it waits nothing is read, but the visitor's going away is noticed.
  void watch_for_end() {
    socket_.async_wait(stream_protocol::socket::wait_read, [self = shared_from_this()](const std::error_code& error) {
      if (error || !self->waiting_) return;
      std::error_code failed;
      if (self->socket_.available(failed) == 0 || failed) self->end();
    });
  }

  [[nodiscard]] bool hop() const { return hop_; }

  void wait() {
    waiting_ = true;
    watch_for_end();
  }

  void reply(std::string text) {
    waiting_ = false;
    std::error_code ignored;
    socket_.cancel(ignored);
    answer_ = std::move(text) + (keep_alive_ ? "\r\n" : "Connection: close\r\n\r\n");
    asio::async_write(socket_, asio::buffer(answer_),
                      [self = shared_from_this()](const std::error_code& error, std::size_t) {
                        if (error || !self->keep_alive_) return self->end();
                        self->next_request();
                      });
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    std::error_code ignored;
    socket_.close(ignored);
    const Owner owner = std::exchange(owner_, {});
    if (owner.gone) owner.gone(shared_from_this());
  }

private:
  stream_protocol::socket socket_;
  Owner owner_;
  HttpHeadReader reader_;
  std::array<char, 2048> bytes_{};
  std::string answer_;
  bool keep_alive_ = true;
  bool hop_ = false;
  bool waiting_ = false;
  bool ended_ = false;
};

} // namespace

void Gate::Parts::accept_next() {
  acceptor.async_accept([self = shared_from_this()](const std::error_code& error, stream_protocol::socket socket) {
    if (self->stopped) return;
    if (error) { // too many open files, say; the rest waits in the socket's backlog
      self->accept_again = self->loop.after(std::chrono::milliseconds(20), [weak = std::weak_ptr(self)] {
        if (const auto parts = weak.lock()) parts->accept_next();
      });
      return;
    }
    if (self->connections.size() < most_connections) {
      const auto weak = std::weak_ptr(self);
      auto connection = std::make_shared<GateConnection>(std::move(socket),
                                                         GateConnection::Owner{[weak](const ConnectionPtr& asking) {
                                                                                 if (const auto parts = weak.lock())
                                                                                   parts->ask(asking);
                                                                               },
                                                                               [weak](const ConnectionPtr& gone) {
                                                                                 if (const auto parts = weak.lock())
                                                                                   parts->went_away(gone);
                                                                               }});
      self->connections.insert(connection);
      connection->read();
    }
    self->accept_next();
  });
}

void Gate::Parts::ask(const ConnectionPtr& connection) {
  const GateAnswer now = answer(state, connection->hop());
  // Nobody overtakes those that wait still.
  if (now.kind == GateAnswer::Kind::hold || (now.kind == GateAnswer::Kind::serve && !held.empty()))
    return hold(connection);
  if (now.kind == GateAnswer::Kind::serve) ++figures.answered;
  connection->reply(text_of(now));
}

void Gate::Parts::hold(const ConnectionPtr& connection) {
  const Moment now = std::chrono::steady_clock::now();
  held.push_back({connection, now, now + hold_limit});
  connection->wait();
  if (held.size() == 1) watch_limits(); // else the first one's is watched
}

void Gate::Parts::let_go(const Held& request) {
  const GateAnswer now = answer(state, request.connection->hop());
  if (now.kind == GateAnswer::Kind::serve) {
    ++figures.answered;
    ++figures.waited;
  }
  const auto waited =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - request.since);
  figures.longest_wait = std::max(figures.longest_wait, waited);
  request.connection->reply(text_of(now));
}

void Gate::Parts::release() {
  next_release.cancel();
  if (state.mode == GateState::Mode::closed) return;
  release_some(state.mode == GateState::Mode::open ? first_released : held.size());
}

// All at once they would reach nginx and the applications as one burst, of which nobody is answered before the work
// that all of them share is done: connections, code that is loaded at its first use. So one first, then more and more:
// 200 are gone within half a second, 5,000 within two.
void Gate::Parts::release_some(std::size_t count) {
  for (std::size_t i = 0; i < count && !held.empty(); ++i) {
    const Held request = held.front();
    held.pop_front();
    let_go(request);
  }
  if (held.empty()) return expiry.cancel();
  next_release = loop.after(between_releases, [this, count] { release_some(count + 1); });
}

void Gate::Parts::watch_limits() {
  if (held.empty()) return;
  expiry = loop.after(std::max(peer::Duration{0}, held.front().until - std::chrono::steady_clock::now()),
                      [this] { expire(); });
}

void Gate::Parts::expire() {
  const Moment now = std::chrono::steady_clock::now();
  // A limit that was lowered meanwhile does not stand in order; it is met within the older one.
  while (!held.empty() && held.front().until <= now) {
    const Held request = held.front();
    held.pop_front();
    if (state.mode != GateState::Mode::closed) { // it was about to go on
      let_go(request);
      continue;
    }
    ++figures.expired;
    request.connection->reply(refusal);
  }
  watch_limits();
}

void Gate::Parts::went_away(const ConnectionPtr& connection) {
  figures.gone += std::erase_if(held, [&](const Held& request) { return request.connection == connection; });
  connections.erase(connection);
}

void Gate::Parts::stop() {
  stopped = true;
  accept_again.cancel();
  expiry.cancel();
  next_release.cancel();
  held.clear();
  std::error_code ignored;
  acceptor.close(ignored);
  for (const auto& connection : std::exchange(connections, {}))
    connection->end();
}

Gate::Gate(peer::Loop& loop, system::Files& files, std::string run_folder)
    : files_(files), serving_file_(run_folder + "/serving"), follows_folder_(run_folder + "/follows"),
      parts_(std::make_shared<Parts>(loop)) {}

Gate::~Gate() {
  parts_->stop();
}

Result<void> Gate::listen(std::optional<int> inherited, const std::string& path) {
  std::error_code error;
  if (inherited) {
    parts_->acceptor.assign(stream_protocol(), *inherited, error);
  } else {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    const stream_protocol::endpoint end(path);
    parts_->acceptor.open(end.protocol(), error);
    if (!error) parts_->acceptor.bind(end, error);
    if (!error) parts_->acceptor.listen(stream_protocol::acceptor::max_listen_connections, error);
  }
  if (error) return failed(fmt::format("listening for nginx on {}: {}", path, error.message()));
  parts_->acceptor.non_blocking(true, error);
  parts_->accept_next();
  return {};
}

void Gate::set_hold_limit(peer::Duration limit) {
  parts_->hold_limit = limit;
}

Result<void> Gate::open_local(const std::string& self) {
  // A request that the gate sends to this server's nginx must find the file there.
  TANDEM_CHECK(files_.write(serving_file_, self + "\n", 0644, {}));
  change({.mode = GateState::Mode::open, .target = self, .local = true});
  return {};
}

Result<void> Gate::close() {
  // In this order: a request that finds no file must be held, not sent back here.
  change({.mode = GateState::Mode::closed});
  return remove_file();
}

Result<void> Gate::open_to_peer(const std::string& peer) {
  TANDEM_CHECK(remove_file());
  change({.mode = GateState::Mode::open, .target = peer});
  return note_followed(peer);
}

Result<void> Gate::open_as_before() {
  const auto names = files_.list(follows_folder_);
  if (!names && names.error().kind == ErrorKind::not_found) return {};
  if (!names) return std::unexpected(names.error());
  return names->size() == 1 ? open_to_peer(names->front()) : Result<void>();
}

Result<void> Gate::note_followed(const std::string& peer) {
  TANDEM_CHECK(files_.make_folder(follows_folder_, 0755, {}));
  TANDEM_TRY(const auto names, files_.list(follows_folder_));
  for (const auto& name : names)
    if (name != peer) TANDEM_CHECK(files_.remove(follows_folder_ + "/" + name));
  return files_.write(follows_folder_ + "/" + peer, "", 0644, {});
}

Result<void> Gate::refuse() {
  change({.mode = GateState::Mode::refusing});
  return remove_file();
}

Result<void> Gate::remove_file() {
  return files_.remove(serving_file_);
}

void Gate::change(GateState state) {
  parts_->state = std::move(state);
  parts_->release();
}

const GateState& Gate::state() const {
  return parts_->state;
}

GateFigures Gate::figures() const {
  GateFigures figures = parts_->figures;
  figures.held = parts_->held.size();
  return figures;
}

} // namespace tandem::agent
