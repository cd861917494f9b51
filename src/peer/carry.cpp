#include "peer/local_client.hpp"
#include "peer/stream.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace tandem::peer {

namespace {

// A pipe that polls as writable takes that many bytes without blocking.
constexpr std::size_t pipe_piece = 4096;
constexpr std::size_t buffered = std::size_t{256} << 10U;

// Both directions at once, none waiting for the other: programs on the two ends may each be stuck until the other
// one is read.
class Carrier {
public:
  Carrier(int socket, int input, int output, FrameReader& reader)
      : socket_(socket), input_(input), output_(output), reader_(reader) {}

  Result<void> run() {
    for (;;) {
      TANDEM_CHECK(unpack());
      if (in_ended_ && incoming_.empty() && out_ended_ && outgoing_.empty()) return {};
      std::array<pollfd, 3> waiting{
          pollfd{socket_, static_cast<short>((wants_more() ? POLLIN : 0) | (outgoing_.empty() ? 0 : POLLOUT)), 0},
          pollfd{out_ended_ || outgoing_.size() >= buffered ? -1 : input_, POLLIN, 0},
          pollfd{incoming_.empty() ? -1 : output_, POLLOUT, 0}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
      if ((waiting[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && wants_more()) TANDEM_CHECK(receive());
      if ((waiting[0].revents & POLLOUT) != 0) TANDEM_CHECK(send());
      if (waiting[1].revents != 0) read_input();
      if (waiting[2].revents != 0) TANDEM_CHECK(write_output());
    }
  }

private:
  [[nodiscard]] bool wants_more() const { return !in_ended_ && incoming_.size() < buffered; }

  Result<void> unpack() {
    while (!in_ended_) {
      TANDEM_TRY(const auto piece, reader_.next());
      if (!piece) return {};
      incoming_ += *piece;
      if (!piece->empty()) continue;
      in_ended_ = true;
      // The program over there has ended: nobody is left to send anything to.
      if (!std::exchange(out_ended_, true)) outgoing_ += framed({});
    }
    return {};
  }

  Result<void> receive() {
    std::array<char, stream_piece> bytes{};
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (got <= 0) return fail(ErrorKind::unavailable, "the stream broke off");
    reader_.take({bytes.data(), static_cast<std::size_t>(got)});
    return {};
  }

  Result<void> send() {
    const ssize_t sent = ::send(socket_, outgoing_.data(), outgoing_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (sent < 0) return fail(ErrorKind::unavailable, "the stream broke off");
    outgoing_.erase(0, static_cast<std::size_t>(sent));
    return {};
  }

  void read_input() {
    std::array<char, stream_piece> bytes{};
    const ssize_t got = ::read(input_, bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    out_ended_ = got <= 0;
    outgoing_ += framed({bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
  }

  Result<void> write_output() {
    const ssize_t written = ::write(output_, incoming_.data(), std::min(incoming_.size(), pipe_piece));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (written < 0) return failed(fmt::format("writing what came: {}", std::strerror(errno)));
    incoming_.erase(0, static_cast<std::size_t>(written));
    return {};
  }

  int socket_;
  int input_;
  int output_;
  FrameReader& reader_;
  std::string incoming_; // for the output
  std::string outgoing_; // frames for the socket
  bool in_ended_ = false;
  bool out_ended_ = false;
};

} // namespace

Result<void> LocalClient::carry(int input, int output) {
  return Carrier(socket_, input, output, reader_).run();
}

} // namespace tandem::peer
