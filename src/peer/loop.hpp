// The event loop that owns the agent's state. Everything that is not marked otherwise runs on the one thread
// that is inside run().
#pragma once
#include <chrono>
#include <functional>
#include <memory>

namespace asio {
class io_context;
}

namespace tandem::peer {

using Duration = std::chrono::steady_clock::duration;

// Calls its function once, on the loop, unless it is destroyed first. Empty when made by default.
class Timer {
public:
  Timer();
  ~Timer();
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;

  [[nodiscard]] bool armed() const { return state_ != nullptr; }

  void cancel();

private:
  friend class Loop;
  struct State;
  std::shared_ptr<State> state_;
};

class Loop {
public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(), on the calling thread.
  void run();
  // Any thread.
  void stop();
  // Calls the function on the loop, later, in the order of posting. Any thread.
  void post(std::function<void()> work);
  [[nodiscard]] Timer after(Duration delay, std::function<void()> work);
  // Calls the function on the loop at each of SIGTERM and SIGINT, which then no longer end the process.
  void on_stop_signal(std::function<void()> work);

  [[nodiscard]] asio::io_context& context();

private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

} // namespace tandem::peer
