// The one loop of the tool: descriptors, moments and signals, all on the caller's thread. Callbacks may watch, unwatch,
// set and cancel anything, themselves included.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

namespace tandem::load {

using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;

class Loop {
public:
  using Token = std::uint64_t; // 0 is never given

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Calls back with the epoll events of the descriptor, which stays the caller's. Level-triggered.
  Token watch(int descriptor, std::uint32_t events, std::function<void(std::uint32_t)> callback);
  void change(Token token, std::uint32_t events);
  // Before the descriptor is closed.
  void unwatch(Token token);

  // Calls back once, at the moment or as soon after it as the loop gets there.
  Token at(Moment moment, std::function<void()> callback);
  void cancel(Token token);

  // Calls back on SIGTERM and SIGINT, which are blocked for this thread from now on.
  void on_stop_signal(std::function<void()> callback);

  // Waits for the next thing and does it. Returns at once when there is nothing to wait for.
  void turn();

private:
  struct Watched {
    int descriptor;
    std::function<void(std::uint32_t)> callback;
  };

  void arm_timer();
  void run_due();

  int epoll_ = -1;
  int timer_ = -1; // a timerfd: epoll's own time-out knows milliseconds only
  int signals_ = -1;
  Token next_ = 1;
  std::unordered_map<Token, std::shared_ptr<Watched>> watched_;
  std::map<std::pair<Moment, Token>, std::function<void()>> timers_;
  std::unordered_map<Token, Moment> moments_;
};

} // namespace tandem::load
