#include "bench/load/loop.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace tandem::load {

namespace {

constexpr std::uint64_t timer_token = 0;

// Without these descriptors there is no loop at all, and nobody could react.
int required(int descriptor, const char* what) {
  if (descriptor >= 0) return descriptor;
  std::perror(what);
  std::abort();
}

} // namespace

Loop::Loop()
    : epoll_(required(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      timer_(required(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = timer_token;
  required(epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event), "epoll_ctl");
}

Loop::~Loop() {
  if (signals_ >= 0) close(signals_);
  close(timer_);
  close(epoll_);
}

Loop::Token Loop::watch(int descriptor, std::uint32_t events, std::function<void(std::uint32_t)> callback) {
  Token token = next_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  required(epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
  watched_.emplace(token, std::make_shared<Watched>(descriptor, std::move(callback)));
  return token;
}

void Loop::change(Token token, std::uint32_t events) {
  auto found = watched_.find(token);
  if (found == watched_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  required(epoll_ctl(epoll_, EPOLL_CTL_MOD, found->second->descriptor, &event), "epoll_ctl");
}

void Loop::unwatch(Token token) {
  auto found = watched_.find(token);
  if (found == watched_.end()) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, found->second->descriptor, nullptr);
  watched_.erase(found);
}

Loop::Token Loop::at(Moment moment, std::function<void()> callback) {
  Token token = next_++;
  moments_.emplace(token, moment);
  timers_.emplace(std::pair(moment, token), std::move(callback));
  return token;
}

void Loop::cancel(Token token) {
  auto found = moments_.find(token);
  if (found == moments_.end()) return;
  timers_.erase({found->second, token});
  moments_.erase(found);
}

void Loop::on_stop_signal(std::function<void()> callback) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = required(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
  watch(signals_, EPOLLIN, [this, callback = std::move(callback)](std::uint32_t) {
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) == sizeof info)
      callback();
  });
}

void Loop::arm_timer() {
  itimerspec when{};
  if (!timers_.empty()) {
    auto since = timers_.begin()->first.first.time_since_epoch();
    auto nanoseconds = std::max<std::int64_t>(1, std::chrono::nanoseconds(since).count());
    when.it_value.tv_sec = nanoseconds / 1'000'000'000;
    when.it_value.tv_nsec = nanoseconds % 1'000'000'000;
  }
  required(timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr), "timerfd_settime");
}

void Loop::run_due() {
  // Only what is due now: a callback that sets a moment in the past is called in the next turn.
  const std::pair last{Clock::now(), next_};
  while (!timers_.empty() && timers_.begin()->first <= last) {
    auto node = timers_.extract(timers_.begin());
    moments_.erase(node.key().second);
    node.mapped()();
  }
}

void Loop::turn() {
  if (timers_.empty() && watched_.empty()) return;
  arm_timer();
  std::array<epoll_event, 256> events{};
  int count = epoll_wait(epoll_, events.data(), events.size(), -1);
  run_due();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    auto found = watched_.find(event.data.u64);
    if (found == watched_.end()) continue;
    std::shared_ptr<Watched> keep = found->second;
    keep->callback(event.events);
  }
}

} // namespace tandem::load
