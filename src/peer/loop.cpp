#include "peer/loop.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <csignal>

namespace tandem::peer {

struct Timer::State {
  State(asio::io_context& context, Duration delay) : timer(context, delay) {}

  asio::steady_timer timer;
  std::function<void()> work;
};

Timer::Timer() = default;

Timer::~Timer() {
  cancel();
}

Timer::Timer(Timer&&) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

void Timer::cancel() {
  if (!state_) return;
  state_->work = nullptr; // a timer that has already fired and waits in the queue must not call either
  state_->timer.cancel();
  state_.reset();
}

struct Loop::Parts {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> stays{context.get_executor()};
  asio::signal_set signals{context};

  void wait_for_signal(std::function<void()> work) {
    signals.async_wait([this, work = std::move(work)](const std::error_code& error, int) {
      if (error) return;
      work();
      wait_for_signal(work);
    });
  }
};

Loop::Loop() : parts_(std::make_unique<Parts>()) {}

Loop::~Loop() = default;

void Loop::run() {
  parts_->context.run();
}

void Loop::stop() {
  parts_->context.stop();
}

void Loop::post(std::function<void()> work) {
  asio::post(parts_->context, std::move(work));
}

Timer Loop::after(Duration delay, std::function<void()> work) {
  Timer timer;
  timer.state_ = std::make_shared<Timer::State>(parts_->context, delay);
  timer.state_->work = std::move(work);
  timer.state_->timer.async_wait([state = timer.state_](const std::error_code& error) {
    if (error || !state->work) return;
    const auto work = std::exchange(state->work, nullptr);
    work();
  });
  return timer;
}

void Loop::on_stop_signal(std::function<void()> work) {
  parts_->signals.add(SIGTERM);
  parts_->signals.add(SIGINT);
  parts_->wait_for_signal(std::move(work));
}

asio::io_context& Loop::context() {
  return parts_->context;
}

} // namespace tandem::peer
