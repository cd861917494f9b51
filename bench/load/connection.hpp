// A connection that carries requests. Http1Connection has one at a time, Http2Connection many. A connection that breaks
// fails what it carries, each request once with the reason; nothing is ever sent again.
#pragma once
#include "bench/load/channel.hpp"
#include "bench/load/loop.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tandem::load {

struct ConnectionSettings {
  std::string domain;
  bool fresh = false;                     // carries one request and is closed
  std::uint64_t longest_life = 500;       // requests; below nginx's keepalive_requests
  std::chrono::milliseconds idle{20'000}; // kept no longer than this without a request; below nginx's keepalive_timeout
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
  static std::shared_ptr<Connection> create(Loop& loop, Protocol protocol, const ConnectionSettings& settings);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to connect. Requests may be started at once; they wait for the connection.
  void open(TlsContext& context, const Address& address, Protocol protocol);
  // Takes one more request. Only after takes_more(), or as the first one of a new connection.
  void start(std::shared_ptr<Exchange> exchange);
  // The caller has given the request up: it is no longer answered, and the connection takes no more.
  void cancel(const std::shared_ptr<Exchange>& exchange);
  // Looks at the socket first, so that a close which has already arrived is seen before anything is sent.
  [[nodiscard]] bool takes_more();
  // Slow bodies are sent at full speed from now on.
  void hurry();
  void close();

  [[nodiscard]] bool closed() const { return closed_; }

  [[nodiscard]] bool idle_too_long() const;

  [[nodiscard]] bool idle() const { return carried() == 0; }

protected:
  Connection(Loop& loop, ConnectionSettings settings) : loop_(loop), settings_(std::move(settings)) {}

  virtual void begin(std::shared_ptr<Exchange> exchange) = 0;
  virtual void give_up(const std::shared_ptr<Exchange>& exchange) = 0;
  virtual void received(std::string_view bytes) = 0;
  // Puts what can be sent now into output_.
  virtual void produce() = 0;
  // The connection has ended; what is carried gets its outcome. clean: by the peer's close_notify.
  virtual void ended(const Failure& why, bool clean) = 0;
  [[nodiscard]] virtual std::size_t carried() const = 0;
  [[nodiscard]] virtual bool room() const = 0;

  // Bodies that were put off by their pace may go on.
  virtual void resume_bodies() {}

  void pump(); // reads and writes as far as it goes

  void retire() { retired_ = true; }

  void end(const Failure& why, bool clean);
  // pump() again after so long; for a paced body.
  void pump_after(std::chrono::milliseconds delay);

  Loop& loop_;
  const ConnectionSettings settings_;
  std::string output_;
  bool hurry_ = false;

private:
  void on_event();
  bool shake_hands();
  bool read_all();
  void write_all();
  void await(Channel::Wait wait);

  std::unique_ptr<Channel> channel_;
  Loop::Token watch_ = 0;
  Loop::Token pace_timer_ = 0;
  bool ready_ = false;   // TLS is up
  bool pumping_ = false; // a callback of ours may call back in
  bool retired_ = false; // takes no more requests; closes when it carries none
  bool closed_ = false;
  std::uint64_t started_ = 0;
  Moment idle_since_ = Clock::now();
};

// How much of a paced body may have been sent by now.
class Pace {
public:
  Pace(std::uint64_t bytes_per_second, std::size_t size) : rate_(bytes_per_second), size_(size) {}

  // The first call starts the clock.
  [[nodiscard]] std::size_t allowed(Moment now, bool hurry);

private:
  std::uint64_t rate_;
  std::size_t size_;
  std::optional<Moment> begun_;
};

inline constexpr std::chrono::milliseconds pace_step{100};

[[nodiscard]] std::shared_ptr<Connection> make_http1_connection(Loop& loop, const ConnectionSettings& settings);
[[nodiscard]] std::shared_ptr<Connection> make_http2_connection(Loop& loop, const ConnectionSettings& settings);

} // namespace tandem::load
