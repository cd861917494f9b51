// Frames over any asio stream, for transport.cpp only: it brings asio's headers along.
#pragma once
#include "peer/connection.hpp"
#include "peer/frame.hpp"
#include "peer/loop.hpp"

#include <asio/read.hpp>
#include <asio/write.hpp>

#include <deque>

namespace tandem::peer {

template <class Stream>
class StreamConnection final : public Connection, public std::enable_shared_from_this<StreamConnection<Stream>> {
public:
  // `kept` is whatever must live as long as the stream.
  StreamConnection(Loop& loop, std::unique_ptr<Stream> stream, std::string name, std::string where,
                   std::shared_ptr<void> kept)
      : loop_(loop), kept_(std::move(kept)), stream_(std::move(stream)), name_(std::move(name)),
        where_(std::move(where)) {}

  void start(Events events) override {
    events_ = std::move(events);
    read_header();
  }

  void redirect(Events events) override { events_ = std::move(events); }

  void send(std::string_view payload) override {
    if (ended_ || closing_) return;
    queued_ += payload.size();
    outgoing_.push_back(framed(payload));
    if (outgoing_.size() == 1) write_next();
  }

  void close() override {
    if (ended_ || closing_) return;
    closing_ = true;
    events_ = {};
    drained_ = nullptr;
    paused_ = false;
    limit_ = end_after(closing_limit);
    if (outgoing_.empty()) say_goodbye();
    if (!reading_) discard();
  }

  void abort(Error why) override { end(std::move(why)); }

  void pause() override { paused_ = true; }

  void resume() override {
    if (!std::exchange(paused_, false) || reading_ || ended_) return;
    read_header();
  }

  std::size_t queued() const override { return queued_; }

  void on_drained(std::function<void()> work) override { drained_ = std::move(work); }

  void limit_frames(std::size_t largest) override { largest_ = largest; }

  const std::string& name() const override { return name_; }

  const std::string& where() const override { return where_; }

private:
  static constexpr std::chrono::seconds closing_limit{3};

  Timer end_after(Duration delay) {
    return loop_.after(delay, [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->end({});
    });
  }

  void read_header() {
    reading_ = true;
    asio::async_read(*stream_, asio::buffer(header_),
                     [self = this->shared_from_this()](const std::error_code& error, std::size_t got) {
                       self->reading_ = false;
                       if (error) return self->lost(error, got > 0);
                       if (self->closing_) return self->discard();
                       self->read_body();
                     });
  }

  void read_body() {
    const auto length = frame_length(header_, largest_);
    if (!length) return give_up(length.error());
    body_.resize(*length);
    reading_ = true;
    asio::async_read(*stream_, asio::buffer(body_),
                     [self = this->shared_from_this()](const std::error_code& error, std::size_t) {
                       self->reading_ = false;
                       if (error) return self->lost(error, true);
                       self->deliver();
                     });
  }

  // What comes in after the end is read and dropped: unread bytes would turn our last words into a reset.
  void discard() {
    body_.resize(4096);
    reading_ = true;
    stream_->async_read_some(asio::buffer(body_),
                             [self = this->shared_from_this()](const std::error_code& error, std::size_t) {
                               self->reading_ = false;
                               if (error) return self->end({});
                               self->discard();
                             });
  }

  // The other side breaks the rules: it may still be told so before the owner closes.
  void give_up(Error why) {
    const Events events = std::exchange(events_, {});
    if (events.on_closed) events.on_closed(std::move(why));
    if (!closing_) end({});
  }

  void deliver() {
    if (closing_) return discard();
    const auto on_frame = events_.on_frame; // a copy: the call may close us
    if (on_frame) on_frame(std::move(body_));
    body_ = {};
    if (ended_ || reading_) return;
    if (closing_) return discard();
    if (!paused_) read_header();
  }

  void write_next() {
    asio::async_write(*stream_, asio::buffer(outgoing_.front()),
                      [self = this->shared_from_this()](const std::error_code& error, std::size_t) {
                        if (error) return self->lost(error, false);
                        self->written();
                      });
  }

  void written() {
    queued_ -= outgoing_.front().size() - 4;
    outgoing_.pop_front();
    if (ended_) return;
    if (!outgoing_.empty()) return write_next();
    if (closing_) return say_goodbye();
    if (const auto drained = drained_) drained();
  }

  // The other side reads our last words before it meets the end; closing at once could discard them.
  void say_goodbye() {
    std::error_code ignored;
    stream_->lowest_layer().shutdown(Stream::lowest_layer_type::shutdown_send, ignored);
  }

  void lost(const std::error_code& error, bool in_the_middle) {
    if (in_the_middle) return end(Error{ErrorKind::invalid, "a message was cut short", {}});
    const bool plain = error == asio::error::eof || error == asio::error::connection_reset ||
                       error == asio::error::broken_pipe || error.message() == "stream truncated";
    end(Error{ErrorKind::unavailable, plain ? "the other side closed the connection" : error.message(), {}});
  }

  void end(Error why) {
    if (std::exchange(ended_, true)) return;
    limit_.cancel();
    std::error_code ignored;
    stream_->lowest_layer().close(ignored);
    const Events events = std::exchange(events_, {});
    drained_ = nullptr;
    if (events.on_closed) events.on_closed(std::move(why));
  }

  Loop& loop_;
  std::shared_ptr<void> kept_;
  std::unique_ptr<Stream> stream_;
  std::string name_;
  std::string where_;
  Events events_;
  std::function<void()> drained_;
  std::array<unsigned char, 4> header_{};
  std::string body_;
  std::deque<std::string> outgoing_;
  std::size_t queued_ = 0;
  std::size_t largest_ = largest_frame;
  bool reading_ = false;
  bool paused_ = false;
  bool closing_ = false;
  bool ended_ = false;
  Timer limit_;
};

} // namespace tandem::peer
