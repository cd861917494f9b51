// Where connections come from: mutual TLS 1.3 between servers, a unix socket for the command on this one.
// All on the loop.
#pragma once
#include "peer/connection.hpp"
#include "peer/loop.hpp"
#include "system/descriptor.hpp"

#include <cstdint>
#include <optional>

namespace tandem::peer {

// What a server proves itself with, as PEM text.
struct Identity {
  std::string authority;   // the CA's certificate
  std::string certificate; // empty: a server that has not joined yet
  std::string key;
};

struct Address {
  std::string host; // IPv4, IPv6 or a name
  std::uint16_t port = 0;
  bool operator==(const Address&) const = default;
};

std::string to_text(const Address& address);
// "HOST", "HOST:PORT", "[V6]", "[V6]:PORT"
Result<Address> parse_address(std::string_view text, std::uint16_t default_port);

class Listener {
public:
  virtual ~Listener() = default;                        // stops listening; connections that were accepted go on
  [[nodiscard]] virtual std::uint16_t port() const = 0; // 0 for a unix socket
};

using Accept = std::function<void(ConnectionPtr)>;

// Accepts servers that prove a server's certificate of the authority. A connection that shows no certificate at
// all is accepted only while `strangers()` says so, with an empty name and small frames. At most 64 handshakes at
// a time, ten seconds each.
Result<std::unique_ptr<Listener>> listen_tls(Loop& loop, const Address& where, const Identity& identity,
                                             std::function<bool()> strangers, Accept accept);

using Dialed = std::function<void(Result<ConnectionPtr>)>;

// Connects, and goes on only with the server of that name under the identity's authority.
void dial_tls(Loop& loop, const Address& where, const Identity& identity, const std::string& server,
              Duration time_limit, Dialed done);
// Connects without a certificate of our own to any server whose authority has a fingerprint that begins with the
// given digits. For a server that joins.
void dial_pinned(Loop& loop, const Address& where, const std::string& authority_fingerprint, Duration time_limit,
                 Dialed done);

// TCP on 127.0.0.1, for programs of this server that know no unix sockets. Each connection's descriptor is the taker's.
using TakeDescriptor = std::function<void(system::Descriptor)>;
Result<std::unique_ptr<Listener>> listen_loopback(Loop& loop, std::uint16_t port, TakeDescriptor take);
// Connects there; `done` is called once.
using ConnectedDescriptor = std::function<void(Result<system::Descriptor>)>;
void connect_loopback(Loop& loop, std::uint16_t port, Duration limit, ConnectedDescriptor done);

// Makes the socket (mode 0600, replacing one that nobody listens on) and accepts programs of root and of our own
// user. refused when another agent listens there.
Result<std::unique_ptr<Listener>> listen_unix(Loop& loop, const std::string& path, Accept accept);

} // namespace tandem::peer
