#include "server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace tandem::load {

namespace {

struct Identity {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  std::string file = (std::filesystem::path(testing::TempDir()) / fmt::format("load-test-{}.pem", getpid())).string();

  Identity() {
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("shop.test"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:shop.test");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    FILE* out = std::fopen(file.c_str(), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
  }

  ~Identity() {
    std::filesystem::remove(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
};

Identity& identity() {
  static Identity made;
  return made;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  *chosen = offered + 1; // the client offers just one
  *size = offered[0];
  return offered_size > 1 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

bool write_whole(SSL* ssl, std::string_view text) {
  return text.empty() || SSL_write(ssl, text.data(), static_cast<int>(text.size())) > 0;
}

// Ends our side and reads the other until it ends too, so that nothing of ours is lost to a reset.
void close_gently(SSL* ssl) {
  SSL_shutdown(ssl);
  shutdown(SSL_get_fd(ssl), SHUT_WR);
  char rest[4096];
  while (read(SSL_get_fd(ssl), rest, sizeof rest) > 0) {
  }
}

void cork(SSL* ssl, int on) {
  setsockopt(SSL_get_fd(ssl), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

std::string head_of(const Reply& reply) {
  std::string head = fmt::format("HTTP/1.1 {} Thing\r\nContent-Length: {}\r\n", reply.status, reply.body.size());
  for (const Header& header : reply.headers)
    head += header.name + ": " + header.value + "\r\n";
  if (reply.how == Reply::How::then_announced) head += "Connection: close\r\n";
  return head + "\r\n";
}

// Reads one request; false when the client has gone.
bool read_request(SSL* ssl, std::string& buffer, Asked& asked) {
  char bytes[16384];
  auto more = [&] {
    int count = SSL_read(ssl, bytes, sizeof bytes);
    if (count > 0) buffer.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  };
  while (buffer.find("\r\n\r\n") == buffer.npos) {
    if (!more()) return false;
  }
  auto begun = std::chrono::steady_clock::now();
  std::size_t end = buffer.find("\r\n\r\n");
  std::string head = buffer.substr(0, end);
  buffer.erase(0, end + 4);
  asked.method = head.substr(0, head.find(' '));
  asked.target =
      head.substr(asked.method.size() + 1, head.find(' ', asked.method.size() + 1) - asked.method.size() - 1);
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    std::string line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    std::size_t colon = line.find(": ");
    asked.headers.push_back({line.substr(0, colon), line.substr(colon + 2)});
  }
  std::string length = asked.header("content-length");
  std::size_t size = length.empty() ? 0 : std::stoul(length);
  while (buffer.size() < size) {
    if (!more()) return false;
  }
  asked.body = buffer.substr(0, size);
  asked.body_took = std::chrono::steady_clock::now() - begun;
  buffer.erase(0, size);
  return true;
}

} // namespace

std::string Asked::header(std::string_view name) const {
  for (const Header& entry : headers) {
    if (entry.name == name) return entry.value;
  }
  return {};
}

std::string Server::certificate_file() {
  return identity().file;
}

Server::Server(Handler handler) : handler_(std::move(handler)), context_(SSL_CTX_new(TLS_server_method())) {
  std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX_use_certificate(context_, identity().certificate);
  SSL_CTX_use_PrivateKey(context_, identity().key);
  SSL_CTX_set_alpn_select_cb(context_, choose_protocol, nullptr);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 1024);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

Server::~Server() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(open_mutex_);
    for (int descriptor : open_)
      shutdown(descriptor, SHUT_RDWR);
  }
  for (std::thread& thread : threads_)
    thread.join();
  close(listener_);
  SSL_CTX_free(context_);
}

void Server::accept_all() {
  for (;;) {
    int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++connections;
    std::lock_guard lock(open_mutex_);
    open_.push_back(descriptor);
    threads_.emplace_back([this, descriptor] { serve(descriptor); });
  }
}

void Server::serve(int descriptor) {
  SSL* ssl = SSL_new(context_);
  SSL_set_fd(ssl, descriptor);
  if (SSL_accept(ssl) == 1) {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    if (size == 2) {
      serve_http2(ssl);
    } else {
      serve_http1(ssl);
    }
  }
  SSL_free(ssl);
  std::lock_guard lock(open_mutex_);
  std::erase(open_, descriptor);
  close(descriptor);
}

Reply Server::handle(const Asked& asked) {
  std::lock_guard lock(mutex_);
  return handler_(asked);
}

void Server::serve_http1(SSL* ssl) {
  std::string buffer;
  for (;;) {
    Asked asked;
    if (!read_request(ssl, buffer, asked)) return;
    Reply reply = handle(asked);
    std::this_thread::sleep_for(reply.delay);
    using How = Reply::How;
    if (reply.how == How::none) {
      read_request(ssl, buffer, asked); // until the client goes
      return;
    }
    if (reply.how == How::broken_before || reply.how == How::refused) return close_gently(ssl);
    if (reply.how == How::broken_amid) {
      write_whole(ssl, head_of(reply) + reply.body.substr(0, reply.body.size() / 2));
      return close_gently(ssl);
    }
    bool last = reply.how == How::then_closed || reply.how == How::then_announced;
    if (last) cork(ssl, 1);
    if (!write_whole(ssl, head_of(reply) + reply.body)) return;
    if (!last) continue;
    SSL_shutdown(ssl);
    cork(ssl, 0); // answer and close leave together: the client never sees one without the other
    return close_gently(ssl);
  }
}

} // namespace tandem::load
