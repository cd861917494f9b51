// One TLS connection to the server, non-blocking. Never waits, never retries.
#pragma once
#include "base/result.hpp"
#include "bench/load/http.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::load {

// A numeric address and a port, ready to be connected to.
struct Address {
  std::string host;
  std::string port;
};

// "192.0.2.1", "192.0.2.1:443", "[2001:db8::1]:443", "2001:db8::1"; the default port is 443.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

// What all connections share: the certificates that are trusted.
class TlsContext {
public:
  // An empty file means the system's own certificates.
  static Result<std::unique_ptr<TlsContext>> create(const std::string& ca_file);
  ~TlsContext();

private:
  friend class Channel;
  TlsContext() = default;
  struct State;
  std::unique_ptr<State> state_;
};

class Channel {
public:
  enum class Wait { nothing, to_read, to_write };

  struct Step {
    std::size_t bytes = 0;     // moved; 0: none yet
    Wait wait = Wait::nothing; // what has to happen first when none was moved
    bool closed = false;       // the peer ended the stream by its own word
    std::optional<Failure> failure = std::nullopt;
  };

  // Begins to connect; the certificate must be valid for the domain, and the server must choose the protocol.
  static std::expected<std::unique_ptr<Channel>, Failure> open(TlsContext& context, const Address& address,
                                                               const std::string& domain, Protocol protocol);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

  // Connects and shakes hands as far as it goes; ready when `wait` is nothing and there is no failure.
  Step advance();
  Step read(char* buffer, std::size_t size);
  Step write(std::string_view bytes);
  // Tells the peer that no more is sent (best effort); the descriptor is closed with the object.
  void say_goodbye();

private:
  Channel() = default;
  Step outcome_of(int result);

  struct State;
  std::unique_ptr<State> state_;
  int descriptor_ = -1;
  bool connected_ = false;
  bool ready_ = false;
  Protocol protocol_ = Protocol::http1;
};

} // namespace tandem::load
