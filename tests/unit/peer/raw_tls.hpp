// A blocking TLS client on OpenSSL alone, which can break every rule that our own one keeps.
#pragma once
#include "peer/openssl.hpp"
#include "peer/transport.hpp"

#include <openssl/ssl.h>

#include <csignal>

namespace tandem::peer::testing {

class RawTls {
public:
  // Without a certificate when the identity has none; `version` 0: what both sides like best.
  RawTls(std::uint16_t port, const Identity& identity, int version = 0) : context_(SSL_CTX_new(TLS_client_method())) {
    if (version != 0) SSL_CTX_set_max_proto_version(context_.get(), version);
    if (!identity.certificate.empty()) {
      const auto certificate = openssl::read_certificate(identity.certificate).value();
      const auto key = openssl::read_key(identity.key).value();
      SSL_CTX_use_certificate(context_.get(), certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    std::signal(SIGPIPE, SIG_IGN); // the other side may end the connection while we write
    bio_.reset(BIO_new_ssl_connect(context_.get()));
    BIO_set_conn_hostname(bio_.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
    connected_ = BIO_do_connect(bio_.get()) == 1 && BIO_do_handshake(bio_.get()) == 1;
  }

  bool connected() const { return connected_; }

  bool send(std::string_view bytes) {
    return bytes.empty() || BIO_write(bio_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }

  // All that comes until the other side ends the connection.
  std::string read_to_end() {
    std::string all;
    char bytes[4096];
    for (int got = 0; (got = BIO_read(bio_.get(), bytes, sizeof bytes)) > 0;)
      all.append(bytes, static_cast<std::size_t>(got));
    return all;
  }

private:
  std::unique_ptr<SSL_CTX, openssl::Deleter<SSL_CTX_free>> context_;
  openssl::Bio bio_;
  bool connected_ = false;
};

} // namespace tandem::peer::testing
