#include "server.hpp"

#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::load {

namespace {

using How = Reply::How;
using Steady = std::chrono::steady_clock;

struct Stream {
  Asked asked;
  Reply reply;
  std::size_t sent = 0;
  Steady::time_point begun = Steady::now();
};

// One HTTP/2 connection: nghttp2 calls back into this.
struct Session {
  SSL* ssl;
  std::function<Reply(const Asked&)> handle;
  nghttp2_session* session = nullptr;
  std::map<std::int32_t, Stream> streams;
  bool finished = false; // the connection is to be closed
};

Session& of(void* self) {
  return *static_cast<Session*>(self);
}

nghttp2_nv pair(const std::string& name, const std::string& value) {
  auto bytes = [](const std::string& text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                  std::uint32_t* flags, nghttp2_data_source*, void* self) {
  Stream& stream = of(self).streams[id];
  const std::string& body = stream.reply.body;
  const bool cut = stream.reply.how == How::broken_amid;
  std::size_t bytes = std::min(size, (cut ? body.size() / 2 : body.size()) - stream.sent);
  std::copy_n(body.data() + stream.sent, bytes, buffer);
  stream.sent += bytes;
  if (cut) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
  } else if (stream.sent == body.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return static_cast<ssize_t>(bytes);
}

void answer(Session& self, std::int32_t id) {
  Stream& stream = self.streams[id];
  stream.asked.protocol = Protocol::http2;
  stream.asked.body_took = Steady::now() - stream.begun;
  stream.reply = self.handle(stream.asked);
  const Reply& reply = stream.reply;
  std::this_thread::sleep_for(reply.delay);
  if (reply.how == How::none) return;
  if (reply.how == How::refused) {
    nghttp2_submit_goaway(self.session, NGHTTP2_FLAG_NONE, std::max(0, id - 2), NGHTTP2_NO_ERROR, nullptr, 0);
    return;
  }
  if (reply.how == How::broken_before) {
    nghttp2_submit_rst_stream(self.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const std::string status = std::to_string(reply.status);
  const std::string status_name = ":status";
  std::vector<nghttp2_nv> head{pair(status_name, status)};
  for (const Header& header : reply.headers)
    head.push_back(pair(header.name, header.value));
  nghttp2_data_provider provider{};
  provider.read_callback = read_body;
  nghttp2_submit_response(self.session, id, head.data(), head.size(), &provider);
  if (reply.how == How::then_announced) nghttp2_submit_shutdown_notice(self.session);
  if (reply.how == How::then_closed) self.finished = true;
}

int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  of(self).streams.try_emplace(frame->hd.stream_id);
  return 0;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
  Asked& asked = of(self).streams[frame->hd.stream_id].asked;
  std::string key(reinterpret_cast<const char*>(name), name_size);
  std::string text(reinterpret_cast<const char*>(value), value_size);
  if (key == ":method") asked.method = text;
  if (key == ":path") asked.target = text;
  asked.headers.push_back({key, text});
  return 0;
}

int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* self) {
  of(self).streams[id].asked.body.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  bool part = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (part && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) answer(of(self), frame->hd.stream_id);
  return 0;
}

int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
  of(self).streams.erase(id);
  return 0;
}

// Everything that is to be sent, in one write.
bool send_all(Session& self) {
  std::string all;
  const std::uint8_t* data = nullptr;
  for (ssize_t size = 0; (size = nghttp2_session_mem_send(self.session, &data)) > 0;) {
    all.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  return all.empty() || SSL_write(self.ssl, all.data(), static_cast<int>(all.size())) > 0;
}

void cork(const Session& self, int on) {
  setsockopt(SSL_get_fd(self.ssl), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

void run(Session& self) {
  char buffer[16384];
  nghttp2_submit_settings(self.session, NGHTTP2_FLAG_NONE, nullptr, 0);
  for (;;) {
    if (self.finished) cork(self, 1);
    if (!send_all(self) || self.finished) break;
    int count = SSL_read(self.ssl, buffer, sizeof buffer);
    if (count <= 0) return;
    auto used = nghttp2_session_mem_recv(self.session, reinterpret_cast<std::uint8_t*>(buffer),
                                         static_cast<std::size_t>(count));
    if (used < 0) return;
  }
  SSL_shutdown(self.ssl);
  cork(self, 0); // answer and close leave together: the client never sees one without the other
  shutdown(SSL_get_fd(self.ssl), SHUT_WR);
  while (read(SSL_get_fd(self.ssl), buffer, sizeof buffer) > 0) {
  }
}

} // namespace

void Server::serve_http2(SSL* ssl) {
  Session self{.ssl = ssl, .handle = [this](const Asked& asked) { return handle(asked); }, .streams = {}};
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session_server_new(&self.session, callbacks, &self);
  nghttp2_session_callbacks_del(callbacks);
  run(self);
  nghttp2_session_del(self.session);
}

} // namespace tandem::load
