// A small HTTPS server on loopback, HTTP/1.1 and HTTP/2, that answers or misbehaves as it is told and counts both.
// A thread a connection; the handler runs on these threads, one at a time.
#pragma once
#include "bench/load/http.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;

namespace tandem::load {

struct Asked {
  Protocol protocol = Protocol::http1;
  std::string method, target, body;
  std::vector<Header> headers;
  std::chrono::steady_clock::duration body_took{}; // from the head to the last byte of the body

  [[nodiscard]] std::string header(std::string_view name) const;
};

struct Reply {
  enum class How {
    whole,          // as it should be
    none,           // never
    broken_before,  // the connection (HTTP/2: the stream) breaks before the answer
    broken_amid,    // … or after half of the body
    refused,        // HTTP/2: GOAWAY that says nothing was done; HTTP/1.1: as broken_before
    then_closed,    // whole, and the connection is closed at once, unannounced
    then_announced, // whole, with the word that the connection takes no more requests
  };
  int status = 200;
  std::vector<Header> headers;
  std::string body;
  How how = How::whole;
  std::chrono::milliseconds delay{0};
};

class Server {
public:
  using Handler = std::function<Reply(const Asked&)>;

  explicit Server(Handler handler);
  ~Server();

  [[nodiscard]] int port() const { return port_; }

  // The certificate, for shop.test, which signs itself. The same for all servers of this process.
  [[nodiscard]] static std::string certificate_file();

  std::atomic<std::uint64_t> connections = 0;

private:
  void accept_all();
  void serve(int descriptor);
  void serve_http1(SSL* ssl);
  void serve_http2(SSL* ssl);
  Reply handle(const Asked& asked);

  Handler handler_;
  SSL_CTX* context_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_; // of the handler
  std::mutex open_mutex_;
  std::vector<int> open_; // descriptors, to be shut down at the end
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

} // namespace tandem::load
