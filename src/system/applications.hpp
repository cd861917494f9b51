// The port to the sites' running applications: uWSGI servers that listen on unix sockets.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::system {

// One GET request as nginx would hand it over, for HTTPS.
struct Question {
  std::string host;
  std::string path = "/"; // may carry a query
  std::chrono::milliseconds time_limit = std::chrono::seconds(60);
};

struct Answer {
  int status = 0;
  std::string text; // head and body, at most the first 64 KiB
};

class Applications {
public:
  virtual ~Applications() = default;
  // Asks the application behind the socket and waits for its answer. unavailable when nothing listens there, when it
  // closes without an answer or when the limit passes.
  virtual Result<Answer> ask(const std::string& socket, const Question& question) = 0;
  // Waits for a moment at which no request behind these sockets has been under way for `young` or longer; false when
  // there was none until the limit.
  virtual Result<bool> wait_calm(const std::vector<std::string>& sockets, std::chrono::milliseconds young,
                                 std::chrono::milliseconds limit) = 0;
  // Waits until no request is being answered behind the socket and none waits there to be taken; false when there
  // still are some at the limit. A socket that is gone is idle.
  virtual Result<bool> wait_idle(const std::string& socket, std::chrono::milliseconds limit) = 0;
};

// The request in uWSGI's own protocol. Pure.
std::string uwsgi_packet(const Question& question);
// The status of an HTTP answer's first line; 0 when it is none. Pure.
int status_of_answer(std::string_view text);
// Connections to the unix socket at the path, taken and waiting ones, from the text of /proc/net/unix. A uWSGI
// connection carries one request, so this is the number of requests. Pure.
std::size_t count_connections(std::string_view proc_net_unix, std::string_view path);
// What tells each of them from all others: the inodes of their sockets. Pure.
std::set<std::uint64_t> connections(std::string_view proc_net_unix, std::string_view path);

// Blocks the calling thread; any thread.
class UwsgiApplications final : public Applications {
public:
  Result<Answer> ask(const std::string& socket, const Question& question) override;
  Result<bool> wait_calm(const std::vector<std::string>& sockets, std::chrono::milliseconds young,
                         std::chrono::milliseconds limit) override;
  Result<bool> wait_idle(const std::string& socket, std::chrono::milliseconds limit) override;
};

} // namespace tandem::system
