// Where nginx hands on what the hosts of repositories send: a unix socket of its own, so that what strangers send never
// comes near the gate's. One request a connection. On the loop; what is answered may be found out elsewhere.
#pragma once
#include "agent/http_head.hpp"
#include "peer/loop.hpp"

#include <functional>
#include <memory>

namespace tandem::agent {

struct HookAnswer {
  int status = 200;
  std::string text; // one line
};

class HookDoor {
public:
  // Called on the loop; `reply` is to be called on it, at most once, at any time. Left uncalled, the connection ends.
  using Reply = std::function<void(const HookAnswer&)>;
  using Take = std::function<void(HttpRequest request, Reply reply)>;

  HookDoor(peer::Loop& loop, std::uint64_t largest_body, Take take);
  ~HookDoor();
  HookDoor(const HookDoor&) = delete;
  HookDoor& operator=(const HookDoor&) = delete;

  // Makes the socket at the path, which only this process's user may use as yet.
  Result<void> listen(const std::string& path);

private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

} // namespace tandem::agent
