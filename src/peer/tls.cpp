#include "peer/authority.hpp"
#include "peer/openssl.hpp"
#include "peer/stream_connection.hpp"
#include "peer/transport.hpp"

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <fmt/chrono.h>
#include <netinet/tcp.h>

namespace tandem::peer {

namespace {

using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;
using TlsConnection = StreamConnection<TlsStream>;

constexpr std::chrono::seconds handshake_limit{10};
constexpr int most_handshakes = 64;

// An SSL context, and the fingerprint that its verification looks at when an authority is only pinned.
struct Security {
  asio::ssl::context context{asio::ssl::context::tls};
  std::string pinned;
};

using SecurityPtr = std::shared_ptr<Security>;

void harden(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  // Every connection proves both ends anew; nothing is resumed.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
}

Result<SecurityPtr> make_security(const Identity& identity) {
  auto security = std::make_shared<Security>();
  std::error_code error;
  harden(security->context.native_handle());
  security->context.add_certificate_authority(asio::buffer(identity.authority), error);
  if (error) return fail(ErrorKind::invalid, "the pair's authority cannot be read: " + error.message());
  // The authority goes along, so that a server that joins can compare its fingerprint.
  const std::string chain = identity.certificate + identity.authority;
  security->context.use_certificate_chain(asio::buffer(chain), error);
  if (error) return fail(ErrorKind::invalid, "this server's certificate cannot be read: " + error.message());
  security->context.use_private_key(asio::buffer(identity.key), asio::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(security->context.native_handle()) != 1)
    return fail(ErrorKind::invalid, "this server's key does not fit its certificate");
  security->context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  return security;
}

// Trusts the one certificate of the shown chain that has the pinned fingerprint, and verifies against it alone.
int verify_pinned(X509_STORE_CTX* store, void* security) {
  const std::string& pinned = static_cast<Security*>(security)->pinned;
  STACK_OF(X509)* shown = X509_STORE_CTX_get0_untrusted(store);
  STACK_OF(X509)* trusted = sk_X509_new_null();
  for (int i = 0; i < sk_X509_num(shown); ++i)
    if (openssl::fingerprint_of(sk_X509_value(shown, i)).starts_with(pinned))
      sk_X509_push(trusted, sk_X509_value(shown, i));
  X509_STORE_CTX_set0_trusted_stack(store, trusted);
  const int verified = pinned.empty() || sk_X509_num(trusted) == 0 ? 0 : X509_verify_cert(store);
  sk_X509_free(trusted);
  if (verified != 1 && X509_STORE_CTX_get_error(store) == X509_V_OK)
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
  return verified == 1 ? 1 : 0;
}

SecurityPtr make_pinned_security(const std::string& fingerprint) {
  auto security = std::make_shared<Security>();
  security->pinned = fingerprint;
  harden(security->context.native_handle());
  security->context.set_verify_mode(asio::ssl::verify_peer);
  SSL_CTX_set_cert_verify_callback(security->context.native_handle(), verify_pinned, security.get());
  return security;
}

// The name in the certificate that was shown in a handshake; empty when none was. An error when it is no server's.
Result<std::string> proven_name(TlsStream& stream) {
  const openssl::Certificate certificate(SSL_get1_peer_certificate(stream.native_handle()));
  if (!certificate) return std::string();
  std::string name = openssl::subject_entry(certificate.get(), NID_commonName);
  if (openssl::subject_entry(certificate.get(), NID_organizationalUnitName) != server_unit || name.empty())
    return fail(ErrorKind::refused, "the certificate shown is not a server's");
  return name;
}

// Why the certificate that was shown was not believed.
Error unverified_because(TlsStream& stream) {
  const long why = SSL_get_verify_result(stream.native_handle());
  const bool early = why == X509_V_ERR_CERT_NOT_YET_VALID;
  if (!early && why != X509_V_ERR_CERT_HAS_EXPIRED)
    return {ErrorKind::refused,
            "the server there does not belong to this pair (its certificate is not one of the pair's authority)",
            {}};
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return {ErrorKind::refused,
          fmt::format("by the clock of this server, {:%Y-%m-%d %H:%M} UTC, the certificate of the server there {}",
                      fmt::gmtime(now), early ? "is not valid yet" : "has expired"),
          "One of the two clocks may be wrong: compare `timedatectl` on both"};
}

std::string where_is(const TlsStream& stream) {
  std::error_code error;
  const tcp::endpoint end = stream.next_layer().remote_endpoint(error);
  return error ? "an address unknown" : to_text(Address{end.address().to_string(), end.port()});
}

// Sessions have signs of life of their own; a stream of files has none, and one that waits says nothing for minutes.
// Best effort. tcp(7).
void notice_a_dead_peer(int socket) {
  constexpr int on = 1;
  constexpr int idle_seconds = 10;
  constexpr int between_seconds = 5;
  constexpr int probes = 3;
  constexpr unsigned int unanswered_milliseconds = 20'000;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &between_seconds, sizeof between_seconds);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_milliseconds, sizeof unanswered_milliseconds);
}

ConnectionPtr connected(Loop& loop, std::unique_ptr<TlsStream> stream, std::string name, SecurityPtr security) {
  std::error_code ignored;
  stream->next_layer().set_option(tcp::no_delay(true), ignored);
  notice_a_dead_peer(stream->next_layer().native_handle());
  std::string where = where_is(*stream);
  const bool stranger = name.empty();
  auto connection =
      std::make_shared<TlsConnection>(loop, std::move(stream), std::move(name), std::move(where), std::move(security));
  if (stranger) connection->limit_frames(largest_stranger_frame);
  return connection;
}

// ---- listening

bool bind_to(tcp::acceptor& acceptor, const tcp::endpoint& end, std::error_code& error) {
  std::error_code ignored;
  acceptor.close(ignored);
  if (acceptor.open(end.protocol(), error)) return false;
  if (acceptor.set_option(tcp::acceptor::reuse_address(true), error)) return false;
  if (end.address().is_v6()) acceptor.set_option(asio::ip::v6_only(false), ignored);
  return !acceptor.bind(end, error) && !acceptor.listen(tcp::acceptor::max_listen_connections, error);
}

std::error_code open_for_peers(tcp::acceptor& acceptor, const Address& where) {
  std::error_code error;
  if (where.host.empty()) {
    // One socket for both families; a machine without IPv6 gets the IPv4 one.
    if (bind_to(acceptor, {asio::ip::address_v6::any(), where.port}, error)) return {};
    bind_to(acceptor, {asio::ip::address_v4::any(), where.port}, error);
    return error;
  }
  const auto address = asio::ip::make_address(where.host, error);
  if (!error) bind_to(acceptor, {address, where.port}, error);
  return error;
}

// What comes in while the listener lives becomes a connection here.
class Handshakes final : public std::enable_shared_from_this<Handshakes> {
public:
  Handshakes(Loop& loop, SecurityPtr security, std::function<bool()> strangers, Accept accept)
      : loop_(loop), security_(std::move(security)), strangers_(std::move(strangers)), accept_(std::move(accept)) {}

  void take(tcp::socket socket, const std::weak_ptr<Acceptor<tcp>>& acceptor) {
    if (under_way_ >= most_handshakes) return;
    ++under_way_;
    auto stream = std::make_shared<std::unique_ptr<TlsStream>>(
        std::make_unique<TlsStream>(std::move(socket), security_->context));
    TlsStream& raw = **stream;
    if (strangers_ && strangers_()) raw.set_verify_mode(asio::ssl::verify_peer);
    auto limit = std::make_shared<Timer>(loop_.after(handshake_limit, [stream] {
      std::error_code ignored;
      if (*stream) (*stream)->lowest_layer().close(ignored);
    }));
    raw.async_handshake(TlsStream::server,
                        [self = shared_from_this(), stream, limit, acceptor](const std::error_code& error) {
                          limit->cancel();
                          --self->under_way_;
                          const auto listens = acceptor.lock();
                          if (error || !listens || listens->stopped()) return;
                          auto name = proven_name(**stream);
                          if (!name) return; // the connection is closed; there is nobody to talk to
                          self->accept_(connected(self->loop_, std::move(*stream), std::move(*name), self->security_));
                        });
  }

private:
  Loop& loop_;
  SecurityPtr security_;
  std::function<bool()> strangers_;
  Accept accept_;
  int under_way_ = 0;
};

// ---- dialing

class Dialer final : public std::enable_shared_from_this<Dialer> {
public:
  Dialer(Loop& loop, SecurityPtr security, std::string server, Dialed done)
      : loop_(loop), security_(std::move(security)), server_(std::move(server)), done_(std::move(done)),
        resolver_(loop.context()), stream_(std::make_unique<TlsStream>(loop.context(), security_->context)) {}

  void start(const Address& where, Duration time_limit) {
    limit_ = loop_.after(time_limit, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->finish(fail(ErrorKind::unavailable, "no answer in time"));
    });
    resolver_.async_resolve(where.host, std::to_string(where.port), tcp::resolver::numeric_service,
                            [self = shared_from_this()](const std::error_code& error, const auto& ends) {
                              if (error) return self->give_up("looking up its name", error);
                              self->connect(ends);
                            });
  }

private:
  void connect(const tcp::resolver::results_type& ends) {
    if (!stream_) return;
    asio::async_connect(stream_->next_layer(), ends,
                        [self = shared_from_this()](const std::error_code& error, const tcp::endpoint&) {
                          if (error) return self->give_up("connecting", error);
                          self->shake_hands();
                        });
  }

  void shake_hands() {
    if (!stream_) return;
    stream_->async_handshake(TlsStream::client, [self = shared_from_this()](const std::error_code& error) {
      if (error) return self->give_up("TLS handshake", error);
      self->check_name();
    });
  }

  void check_name() {
    if (!stream_) return;
    auto name = proven_name(*stream_);
    if (!name) return finish(std::unexpected(std::move(name).error()));
    if (name->empty() || (!server_.empty() && *name != server_))
      return finish(fail(ErrorKind::refused,
                         fmt::format("another server answers there: \"{}\" instead of \"{}\"", *name, server_),
                         "Compare the addresses in /etc/tandem/tandem.toml with the servers"));
    finish(connected(loop_, std::move(stream_), std::move(*name), security_));
  }

  void give_up(const char* doing, const std::error_code& error) {
    const bool unverified = error.message().find("certificate verify failed") != std::string::npos;
    if (unverified && stream_) return finish(std::unexpected(unverified_because(*stream_)));
    finish(fail(ErrorKind::unavailable, fmt::format("{}: {}", doing, error.message())));
  }

  void finish(Result<ConnectionPtr> result) {
    const Dialed done = std::exchange(done_, nullptr);
    if (!done) return;
    limit_.cancel();
    resolver_.cancel();
    std::error_code ignored;
    if (stream_) stream_->lowest_layer().close(ignored);
    done(std::move(result));
  }

  Loop& loop_;
  SecurityPtr security_;
  std::string server_;
  Dialed done_;
  tcp::resolver resolver_;
  std::unique_ptr<TlsStream> stream_;
  Timer limit_;
};

} // namespace

Result<std::unique_ptr<Listener>> listen_tls(Loop& loop, const Address& where, const Identity& identity,
                                             std::function<bool()> strangers, Accept accept) {
  TANDEM_TRY(SecurityPtr security, make_security(identity));
  const auto handshakes =
      std::make_shared<Handshakes>(loop, std::move(security), std::move(strangers), std::move(accept));
  const auto self = std::make_shared<std::weak_ptr<Acceptor<tcp>>>();
  const auto acceptor = std::make_shared<Acceptor<tcp>>(
      loop, [handshakes, self](tcp::socket socket) { handshakes->take(std::move(socket), *self); });
  *self = acceptor;
  if (const std::error_code error = open_for_peers(acceptor->raw(), where))
    return fail(ErrorKind::failed, fmt::format("listening for peers on {}: {}", to_text(where), error.message()),
                "Another program may use that port; [pair].port chooses another one");
  acceptor->start();
  return std::make_unique<AcceptorHandle<tcp>>(acceptor);
}

void dial_tls(Loop& loop, const Address& where, const Identity& identity, const std::string& server,
              Duration time_limit, Dialed done) {
  auto security = make_security(identity);
  if (!security) return loop.post([done, error = security.error()] { done(std::unexpected(error)); });
  std::make_shared<Dialer>(loop, std::move(*security), server, std::move(done))->start(where, time_limit);
}

void dial_pinned(Loop& loop, const Address& where, const std::string& authority_fingerprint, Duration time_limit,
                 Dialed done) {
  auto security = make_pinned_security(authority_fingerprint);
  std::make_shared<Dialer>(loop, std::move(security), "", std::move(done))->start(where, time_limit);
}

} // namespace tandem::peer
