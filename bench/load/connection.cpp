#include "bench/load/connection.hpp"

#include <sys/epoll.h>

#include <array>

namespace tandem::load {

std::shared_ptr<Connection> Connection::create(Loop& loop, Protocol protocol, const ConnectionSettings& settings) {
  return protocol == Protocol::http1 ? make_http1_connection(loop, settings) : make_http2_connection(loop, settings);
}

Connection::~Connection() {
  if (watch_ != 0) loop_.unwatch(watch_);
  if (pace_timer_ != 0) loop_.cancel(pace_timer_);
}

void Connection::open(TlsContext& context, const Address& address, Protocol protocol) {
  auto opened = Channel::open(context, address, settings_.domain, protocol);
  if (!opened) {
    // In the next turn, so that whoever starts a request here is told in the same way as always.
    loop_.at(Clock::now(), [self = weak_from_this(), failure = opened.error()] {
      if (auto connection = self.lock()) connection->end(failure, false);
    });
    return;
  }
  channel_ = std::move(*opened);
  watch_ = loop_.watch(channel_->descriptor(), EPOLLOUT, [self = weak_from_this()](std::uint32_t) {
    if (auto connection = self.lock()) connection->on_event();
  });
}

void Connection::start(std::shared_ptr<Exchange> exchange) {
  ++started_;
  if (settings_.fresh || started_ >= settings_.longest_life) retire();
  begin(std::move(exchange));
  // What takes_more() saw is the last word before the request: nghttp2 would drop a request that is not on its way yet
  // when it reads that the server goes away.
  if (ready_ && !closed_ && !pumping_ && output_.empty()) produce();
  if (ready_) pump();
}

void Connection::cancel(const std::shared_ptr<Exchange>& exchange) {
  auto keep = shared_from_this();
  retire();
  give_up(exchange);
  if (carried() == 0) close();
  if (!closed_ && ready_) pump();
}

bool Connection::takes_more() {
  if (closed_ || retired_ || idle_too_long()) return false;
  if (ready_) pump();
  return !closed_ && !retired_ && room();
}

void Connection::hurry() {
  auto keep = shared_from_this();
  hurry_ = true;
  resume_bodies();
  if (ready_ && !closed_) pump();
}

bool Connection::idle_too_long() const {
  return idle() && Clock::now() - idle_since_ > settings_.idle;
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  if (watch_ != 0) loop_.unwatch(std::exchange(watch_, 0));
  if (pace_timer_ != 0) loop_.cancel(std::exchange(pace_timer_, 0));
  if (channel_) channel_->say_goodbye();
  channel_.reset();
}

void Connection::end(const Failure& why, bool clean) {
  if (closed_) return;
  close();
  ended(why, clean);
}

void Connection::on_event() {
  if (closed_) return;
  if (!ready_ && !shake_hands()) return;
  pump();
}

bool Connection::shake_hands() {
  Channel::Step step = channel_->advance();
  if (step.failure) {
    end(*step.failure, false);
    return false;
  }
  if (step.wait != Channel::Wait::nothing) {
    loop_.change(watch_, step.wait == Channel::Wait::to_read ? EPOLLIN : EPOLLOUT);
    return false;
  }
  ready_ = true;
  return true;
}

void Connection::pump() {
  if (pumping_ || closed_ || !ready_) return;
  auto keep = shared_from_this();
  pumping_ = true;
  const bool was_idle = idle();
  // What the server has already said counts first: an early answer, or that it goes away.
  if (read_all()) write_all();
  pumping_ = false;
  if (closed_) return;
  if (idle() && !was_idle) idle_since_ = Clock::now();
  if (idle() && retired_ && output_.empty()) close();
}

bool Connection::read_all() {
  std::array<char, 16 * 1024> buffer; // NOLINT: filled by read
  while (!closed_) {
    Channel::Step step = channel_->read(buffer.data(), buffer.size());
    if (step.bytes > 0) {
      received({buffer.data(), step.bytes});
    } else if (step.closed) {
      end({"connection closed", "before the answer"}, true);
    } else if (step.failure) {
      end(*step.failure, false);
    } else {
      return true;
    }
  }
  return false;
}

void Connection::write_all() {
  Channel::Wait wait = Channel::Wait::to_read;
  while (!closed_) {
    if (output_.empty()) produce();
    if (output_.empty()) break;
    Channel::Step step = channel_->write(output_);
    if (step.bytes > 0) {
      output_.erase(0, step.bytes);
      continue;
    }
    if (step.failure) {
      // An answer may have come before the connection broke.
      if (read_all()) end(*step.failure, false);
      return;
    }
    wait = step.wait;
    break;
  }
  if (!closed_) loop_.change(watch_, wait == Channel::Wait::to_write ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Connection::pump_after(std::chrono::milliseconds delay) {
  if (pace_timer_ != 0) return;
  pace_timer_ = loop_.at(Clock::now() + delay, [self = weak_from_this()] {
    auto connection = self.lock();
    if (!connection) return;
    connection->pace_timer_ = 0;
    connection->resume_bodies();
    connection->pump();
  });
}

std::size_t Pace::allowed(Moment now, bool hurry) {
  if (rate_ == 0 || hurry) return size_;
  if (!begun_) begun_ = now;
  auto steps = static_cast<std::uint64_t>((now - *begun_) / pace_step) + 1;
  return static_cast<std::size_t>(std::min<std::uint64_t>(size_, steps * rate_ / (1000 / pace_step.count())));
}

} // namespace tandem::load
