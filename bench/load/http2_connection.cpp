#include "bench/load/connection.hpp"

#include <nghttp2/nghttp2.h>

namespace tandem::load {

namespace {

constexpr std::size_t most_streams = 100; // below nginx's http2_max_concurrent_streams (128)

struct Stream {
  std::shared_ptr<Exchange> exchange; // empty once it was given up
  Answer answer;
  Pace pace;
  std::size_t sent = 0;
  bool complete = false; // the end of the answer was seen
  bool put_off = false;  // the body waits for its pace
};

class Http2Connection final : public Connection {
public:
  Http2Connection(Loop& loop, const ConnectionSettings& settings) : Connection(loop, settings) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }

  ~Http2Connection() override { nghttp2_session_del(session_); }

protected:
  void begin(std::shared_ptr<Exchange> exchange) override;
  void give_up(const std::shared_ptr<Exchange>& exchange) override;
  void received(std::string_view bytes) override;
  void produce() override;
  void ended(const Failure& why, bool clean) override;
  void resume_bodies() override;

  [[nodiscard]] std::size_t carried() const override { return streams_.size(); }

  [[nodiscard]] bool room() const override { return streams_.size() < most_streams; }

private:
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self);
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* self);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* self);
  static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source*, void* self);

  Stream* stream(std::int32_t id) {
    auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second;
  }

  void stream_ended(std::int32_t id, std::uint32_t error);

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Stream> streams_;
};

Http2Connection& of(void* self) {
  return *static_cast<Http2Connection*>(self);
}

nghttp2_nv pair(std::string_view name, std::string_view value) {
  auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void Http2Connection::begin(std::shared_ptr<Exchange> exchange) {
  const Request& request = exchange->request;
  std::string length = std::to_string(request.body.size());
  std::vector<nghttp2_nv> head{pair(":method", request.method), pair(":scheme", "https"),
                               pair(":authority", settings_.domain), pair(":path", request.target)};
  for (const Header& entry : request.headers)
    head.push_back(pair(entry.name, entry.value));
  if (!request.body.empty()) head.push_back(pair("content-length", length));
  nghttp2_data_provider provider{};
  provider.read_callback = read_body;
  std::int32_t id = nghttp2_submit_request(session_, nullptr, head.data(), head.size(),
                                           request.body.empty() ? nullptr : &provider, nullptr);
  if (id < 0) return exchange->finish(std::unexpected(Failure{"no HTTP/2 stream", nghttp2_strerror(id)}));
  Pace pace(request.bytes_per_second, request.body.size());
  streams_.emplace(id, Stream{.exchange = std::move(exchange), .answer = {}, .pace = pace});
}

void Http2Connection::give_up(const std::shared_ptr<Exchange>& exchange) {
  for (auto& [id, stream] : streams_) {
    if (stream.exchange != exchange) continue;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    streams_.erase(id);
    return;
  }
}

void Http2Connection::received(std::string_view bytes) {
  auto result = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (result < 0) return end({"bad answer", nghttp2_strerror(static_cast<int>(result))}, false);
}

void Http2Connection::produce() {
  const std::uint8_t* data = nullptr;
  while (output_.size() < 64 * 1024) {
    auto size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return end({"bad answer", nghttp2_strerror(static_cast<int>(size))}, false);
    if (size == 0) break;
    output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  if (!output_.empty()) return;
  for (const auto& [id, stream] : streams_) {
    if (stream.put_off) pump_after(pace_step);
  }
  if (nghttp2_session_want_read(session_) != 0) return;
  if (streams_.empty()) return retire();
  end({"bad answer", "against the rules of HTTP/2"}, false);
}

void Http2Connection::ended(const Failure& why, bool) {
  for (auto& [id, stream] : std::exchange(streams_, {})) {
    if (stream.complete) {
      stream.exchange->finish(std::move(stream.answer));
    } else if (stream.answer.status != 0 && why.reason != "bad answer") {
      stream.exchange->finish(std::unexpected(Failure{"answer cut short", why.reason}));
    } else {
      stream.exchange->finish(std::unexpected(why));
    }
  }
}

void Http2Connection::resume_bodies() {
  for (auto& [id, stream] : streams_) {
    if (std::exchange(stream.put_off, false)) nghttp2_session_resume_data(session_, id);
  }
}

void Http2Connection::stream_ended(std::int32_t id, std::uint32_t error) {
  auto node = streams_.extract(id);
  if (node.empty()) return;
  Stream& stream = node.mapped();
  if (stream.complete) {
    // An early answer may be followed by a reset that tells us to keep the rest of the body.
    stream.exchange->finish(std::move(stream.answer));
  } else if (error == NGHTTP2_REFUSED_STREAM) {
    // The server says that it did nothing with the request; a browser would ask again, we count it.
    stream.exchange->finish(std::unexpected(Failure{"stream refused", "by GOAWAY or REFUSED_STREAM"}));
  } else {
    std::string detail = nghttp2_http2_strerror(error);
    std::string reason = stream.answer.status != 0 ? "answer cut short" : "stream reset";
    stream.exchange->finish(std::unexpected(Failure{std::move(reason), std::move(detail)}));
  }
}

int Http2Connection::on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                               std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                               void* self) {
  Stream* stream = of(self).stream(frame->hd.stream_id);
  if (!stream) return 0;
  std::string_view key(reinterpret_cast<const char*>(name), name_size);
  std::string_view text(reinterpret_cast<const char*>(value), value_size);
  if (key == ":status") {
    stream->answer.status = std::atoi(std::string(text).c_str()); // nghttp2 lets three digits pass, nothing else
    stream->answer.headers.clear();                               // those of an interim answer
  } else {
    stream->answer.headers.emplace_back(std::string(key), std::string(text));
  }
  return 0;
}

int Http2Connection::on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                             std::size_t size, void* self) {
  Stream* stream = of(self).stream(id);
  if (!stream) return 0;
  std::size_t room = kept_body - std::min(kept_body, stream->answer.body.size());
  stream->answer.body.append(reinterpret_cast<const char*>(data), std::min(size, room));
  return 0;
}

int Http2Connection::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type == NGHTTP2_GOAWAY) of(self).retire();
  bool answers = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!answers || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  if (Stream* stream = of(self).stream(frame->hd.stream_id)) stream->complete = true;
  return 0;
}

int Http2Connection::on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* self) {
  of(self).stream_ended(id, error);
  return 0;
}

ssize_t Http2Connection::read_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                                   std::uint32_t* flags, nghttp2_data_source*, void* self) {
  Stream* stream = of(self).stream(id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::string& body = stream->exchange->request.body;
  std::size_t allowed = stream->pace.allowed(Clock::now(), of(self).hurry_);
  std::size_t bytes = std::min(size, allowed - stream->sent);
  if (bytes == 0) {
    stream->put_off = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::copy_n(body.data() + stream->sent, bytes, buffer);
  stream->sent += bytes;
  if (stream->sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(bytes);
}

} // namespace

std::shared_ptr<Connection> make_http2_connection(Loop& loop, const ConnectionSettings& settings) {
  return std::make_shared<Http2Connection>(loop, settings);
}

} // namespace tandem::load
