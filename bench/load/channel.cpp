#include "bench/load/channel.hpp"

#include "base/text.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tandem::load {

struct TlsContext::State {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
};

struct Channel::State {
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, SSL_free};
};

namespace {

std::string openssl_error() {
  unsigned long code = ERR_get_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : fmt::format("OpenSSL error {}", code);
}

Failure system_failure(int error) {
  switch (error) {
  case ECONNREFUSED:
    return {"connection refused", {}};
  case ECONNRESET:
  case EPIPE:
    return {"connection reset", {}};
  case ETIMEDOUT:
    return {"timed out", "by the kernel"};
  default:
    return {"network error", std::strerror(error)};
  }
}

std::string_view alpn_of(Protocol protocol) {
  return protocol == Protocol::http2 ? "h2" : "http/1.1";
}

struct Socket {
  int descriptor = -1;
  bool connected = false;
};

std::expected<Socket, Failure> connect_to(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (int error = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found); error != 0) {
    return std::unexpected(Failure{"bad address", address.host + ": " + gai_strerror(error)});
  }
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> keep(found, freeaddrinfo);
  int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::unexpected(system_failure(errno));
  int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(descriptor, found->ai_addr, found->ai_addrlen) == 0) return Socket{descriptor, true};
  if (errno == EINPROGRESS) return Socket{descriptor, false};
  Failure failure = system_failure(errno);
  close(descriptor);
  return std::unexpected(failure);
}

} // namespace

Result<Address> parse_address(std::string_view text) {
  std::string_view host = text;
  std::string_view port = "443";
  if (text.starts_with('[')) {
    std::size_t end = text.find(']');
    if (end == text.npos) return fail(ErrorKind::invalid, fmt::format("\"{}\" lacks its closing bracket", text));
    host = text.substr(1, end - 1);
    std::string_view rest = text.substr(end + 1);
    if (!rest.empty()) port = rest.starts_with(':') ? rest.substr(1) : "";
  } else if (std::size_t colon = text.find(':'); colon != text.npos && text.find(':', colon + 1) == text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  auto number = to_number(port);
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  const std::string terminated(host);
  bool numeric = inet_pton(AF_INET, terminated.c_str(), parsed.data()) == 1 ||
                 inet_pton(AF_INET6, terminated.c_str(), parsed.data()) == 1;
  if (!numeric || !number || *number < 1 || *number > 65535) {
    return fail(ErrorKind::invalid, fmt::format("\"{}\" is not an address", text),
                "Write 192.0.2.1, 192.0.2.1:443 or [2001:db8::1]:443.");
  }
  return Address{std::string(host), std::string(port)};
}

Result<std::unique_ptr<TlsContext>> TlsContext::create(const std::string& ca_file) {
  std::unique_ptr<TlsContext> result(new TlsContext);
  result->state_ = std::make_unique<State>();
  SSL_CTX* context = result->state_->context.get();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Every fresh connection is a new visitor with a whole handshake.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                               : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) return failed(fmt::format("reading certificates from {}: {}", ca_file, openssl_error()));
  return result;
}

TlsContext::~TlsContext() = default;

std::expected<std::unique_ptr<Channel>, Failure> Channel::open(TlsContext& context, const Address& address,
                                                               const std::string& domain, Protocol protocol) {
  auto socket = connect_to(address);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<Channel> result(new Channel);
  result->descriptor_ = socket->descriptor;
  result->connected_ = socket->connected;
  result->protocol_ = protocol;
  result->state_ = std::make_unique<State>();
  result->state_->ssl.reset(SSL_new(context.state_->context.get()));
  SSL* ssl = result->state_->ssl.get();
  SSL_set_fd(ssl, socket->descriptor);
  SSL_set_connect_state(ssl);
  SSL_set_tlsext_host_name(ssl, domain.c_str());
  SSL_set1_host(ssl, domain.c_str());
  std::string_view name = alpn_of(protocol);
  std::string offered = static_cast<char>(name.size()) + std::string(name);
  SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offered.data()),
                      static_cast<unsigned>(offered.size()));
  return result;
}

Channel::~Channel() {
  if (descriptor_ >= 0) close(descriptor_);
}

Channel::Step Channel::outcome_of(int result) {
  const int error = errno;
  switch (SSL_get_error(state_->ssl.get(), result)) {
  case SSL_ERROR_WANT_READ:
    return {.wait = Wait::to_read};
  case SSL_ERROR_WANT_WRITE:
    return {.wait = Wait::to_write};
  case SSL_ERROR_ZERO_RETURN:
    return {.closed = true};
  case SSL_ERROR_SYSCALL:
    return {.failure = error == 0 ? Failure{"connection closed", "without TLS close_notify"} : system_failure(error)};
  default:
    break;
  }
  if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return {.failure = Failure{"connection closed", ready_ ? "without TLS close_notify" : "during the TLS handshake"}};
  }
  long verified = SSL_get_verify_result(state_->ssl.get());
  if (!ready_ && verified != X509_V_OK) {
    ERR_clear_error();
    return {.failure = Failure{"bad certificate", X509_verify_cert_error_string(verified)}};
  }
  Failure failure{ready_ ? "TLS error" : "TLS handshake failed", openssl_error()};
  ERR_clear_error();
  return {.failure = std::move(failure)};
}

Channel::Step Channel::advance() {
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return {.failure = system_failure(error)};
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (getpeername(descriptor_, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return {.wait = Wait::to_write};
    connected_ = true;
  }
  ERR_clear_error();
  errno = 0;
  int result = SSL_do_handshake(state_->ssl.get());
  if (result != 1) {
    Step step = outcome_of(result);
    if (step.closed) return {.failure = Failure{"connection closed", "during the TLS handshake"}};
    return step;
  }
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(state_->ssl.get(), &name, &length);
  std::string_view chosen(reinterpret_cast<const char*>(name), length);
  // A server that ignores the offer speaks HTTP/1.1.
  bool agreed = chosen == alpn_of(protocol_) || (chosen.empty() && protocol_ == Protocol::http1);
  if (!agreed) return {.failure = Failure{"protocol not offered", std::string(alpn_of(protocol_))}};
  ready_ = true;
  return {};
}

Channel::Step Channel::read(char* buffer, std::size_t size) {
  ERR_clear_error();
  errno = 0;
  int result = SSL_read(state_->ssl.get(), buffer, static_cast<int>(size));
  if (result > 0) return {.bytes = static_cast<std::size_t>(result)};
  return outcome_of(result);
}

Channel::Step Channel::write(std::string_view bytes) {
  ERR_clear_error();
  errno = 0;
  int result = SSL_write(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (result > 0) return {.bytes = static_cast<std::size_t>(result)};
  return outcome_of(result);
}

void Channel::say_goodbye() {
  ERR_clear_error();
  if (ready_) SSL_shutdown(state_->ssl.get());
  ERR_clear_error();
}

} // namespace tandem::load
