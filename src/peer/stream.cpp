#include "peer/stream.hpp"

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>

namespace tandem::peer {

namespace {

// ---- between two connections

class Joint : public std::enable_shared_from_this<Joint> {
public:
  Joint(ConnectionPtr left, ConnectionPtr right, StreamEnd done)
      : sides_{Side{std::move(left), false}, Side{std::move(right), false}}, done_(std::move(done)) {}

  void start() {
    for (const std::size_t from : {0, 1}) {
      sides_[from].connection->redirect(
          {.on_frame = [self = shared_from_this(), from](const std::string& piece) { self->pass(from, piece); },
           .on_closed = [self = shared_from_this()](const Error& why) { self->finish(std::unexpected(why)); }});
      // What was paused for the sake of the other side goes on when that has room again.
      sides_[1 - from].connection->on_drained([weak = weak_from_this(), from] {
        if (const auto self = weak.lock()) self->sides_[from].connection->resume();
      });
    }
    for (const auto& side : sides_)
      side.connection->resume();
  }

private:
  struct Side {
    ConnectionPtr connection;
    bool ended; // it has sent its last piece
  };

  void pass(std::size_t from, const std::string& piece) {
    Side& source = sides_[from];
    if (source.ended) return finish(fail(ErrorKind::invalid, "bytes after the end of a stream"));
    const ConnectionPtr sink = sides_[1 - from].connection;
    sink->send(piece);
    if (piece.empty()) source.ended = true;
    if (sides_[0].ended && sides_[1].ended) return finish({});
    if (sink->queued() > stream_window) source.connection->pause();
  }

  void finish(Result<void> result) {
    const StreamEnd done = std::exchange(done_, nullptr);
    if (!done) return;
    const auto keep = shared_from_this();
    for (const auto& side : sides_)
      side.connection->close();
    done(std::move(result));
  }

  std::array<Side, 2> sides_;
  StreamEnd done_;
};

// ---- between a connection and a descriptor

class Tap : public std::enable_shared_from_this<Tap> {
public:
  Tap(Loop& loop, ConnectionPtr connection, StreamEnd done)
      : socket_(loop.context()), connection_(std::move(connection)), done_(std::move(done)) {}

  std::error_code start(int descriptor) {
    std::error_code error;
    socket_.assign(asio::local::stream_protocol(), descriptor, error);
    if (!error) socket_.non_blocking(true, error);
    if (error) return error;
    connection_->redirect(
        {.on_frame = [self = shared_from_this()](std::string piece) { self->take(std::move(piece)); },
         .on_closed = [self = shared_from_this()](const Error& why) { self->finish(std::unexpected(why)); }});
    connection_->on_drained([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && std::exchange(self->waits_for_room_, false)) self->read();
    });
    connection_->resume();
    read();
    return {};
  }

private:
  // From the connection to the descriptor, one piece at a time.
  void take(std::string piece) {
    if (in_ended_) return finish(fail(ErrorKind::invalid, "bytes after the end of a stream"));
    if (piece.empty()) {
      in_ended_ = true;
      std::error_code ignored;
      socket_.shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
      return finish_if_over();
    }
    connection_->pause();
    writing_ = std::move(piece);
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](const std::error_code&, std::size_t) {
                        // A program that reads no more may still have something to say: its output decides, not an
                        // error here.
                        self->writing_.clear();
                        self->connection_->resume();
                      });
  }

  void read() {
    bytes_.resize(stream_piece);
    socket_.async_read_some(asio::buffer(bytes_),
                            [self = shared_from_this()](const std::error_code& error, std::size_t got) {
                              if (!self->done_) return;
                              if (error) return self->end_of_output();
                              self->connection_->send(std::string_view(self->bytes_).substr(0, got));
                              if (self->connection_->queued() > stream_window)
                                self->waits_for_room_ = true;
                              else
                                self->read();
                            });
  }

  void end_of_output() {
    out_ended_ = true;
    connection_->send({});
    finish_if_over();
  }

  void finish_if_over() {
    if (in_ended_ && out_ended_) finish({});
  }

  void finish(Result<void> result) {
    const StreamEnd done = std::exchange(done_, nullptr);
    if (!done) return;
    const auto keep = shared_from_this();
    std::error_code ignored;
    socket_.close(ignored);
    connection_->close();
    done(std::move(result));
  }

  asio::local::stream_protocol::socket socket_;
  ConnectionPtr connection_;
  StreamEnd done_;
  std::string bytes_;
  std::string writing_;
  bool waits_for_room_ = false;
  bool in_ended_ = false;
  bool out_ended_ = false;
};

} // namespace

void join_streams(ConnectionPtr left, ConnectionPtr right, StreamEnd done) {
  std::make_shared<Joint>(std::move(left), std::move(right), std::move(done))->start();
}

void join_stream_to_descriptor(Loop& loop, ConnectionPtr connection, int descriptor, StreamEnd done) {
  auto tap = std::make_shared<Tap>(loop, connection, done);
  if (const std::error_code error = tap->start(descriptor)) {
    connection->close();
    done(failed("taking over a program's socket: " + error.message()));
  }
}

} // namespace tandem::peer
