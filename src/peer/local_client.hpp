// The command's side of the agent's unix socket. Blocks; one thread; no loop.
#pragma once
#include "peer/frame.hpp"
#include "peer/message.hpp"

#include <chrono>
#include <functional>

namespace tandem::peer {

class LocalClient {
public:
  // Connects and exchanges hello. unavailable, with a hint, when no agent listens there.
  static Result<LocalClient> connect(const std::string& path, const std::string& version);
  ~LocalClient();
  LocalClient(LocalClient&& other) noexcept;
  LocalClient& operator=(LocalClient&&) = delete;

  // Asks and waits as long as it takes; progress comes to `on_event` meanwhile. When the agent goes away it is
  // unavailable, and what was asked may or may not have been done.
  Result<Json> call(const std::string& method, const Json& params,
                    const std::function<void(const Json&)>& on_event = {});

  // After a call that made the connection a stream: carries bytes from `input` to the other side and from there to
  // `output` until both have ended. Both are descriptors that stay open.
  Result<void> carry(int input, int output);
  // Ends the connection under a call that another thread is in; it then returns unavailable.
  void hang_up();

  [[nodiscard]] const Hello& agent() const { return agent_; }

private:
  explicit LocalClient(int socket) : socket_(socket) {}

  Result<void> send(const Message& message);
  // nullopt time limit: wait for ever.
  Result<Message> receive(std::optional<std::chrono::milliseconds> time_limit);

  int socket_;
  FrameReader reader_;
  Hello agent_;
  std::uint64_t last_asked_ = 0;
};

} // namespace tandem::peer
