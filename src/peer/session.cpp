#include "peer/session.hpp"

#include "peer/frame.hpp"

#include <nlohmann/json.hpp>

namespace tandem::peer {

namespace {

constexpr std::size_t most_unanswered = 256;
// A reader that falls this far behind is given up rather than remembered for.
constexpr std::size_t most_queued = std::size_t{16} << 20U;

std::unexpected<Error> out_of_order(std::string_view what) {
  return fail(ErrorKind::invalid, fmt::format("a message out of order: {}", what));
}

} // namespace

std::string_view name_of(Caller caller) {
  switch (caller) {
  case Caller::command:
    return "command";
  case Caller::peer:
    return "peer";
  case Caller::stranger:
    return "stranger";
  }
  return "?";
}

Request::Request(std::weak_ptr<Session> session, std::uint64_t id, Caller caller, std::string from, std::string method,
                 Payload params)
    : session_(std::move(session)), id_(id), caller_(caller), from_(std::move(from)), method_(std::move(method)),
      params_(std::move(params)) {}

bool Request::stream() const {
  const auto session = session_.lock();
  return session && session->other().stream;
}

ConnectionPtr Request::connection() const {
  const auto session = session_.lock();
  return session ? session->connection() : nullptr;
}

void Request::event(const Json& data) const {
  if (const auto session = session_.lock()) session->event(id_, data);
}

void Request::answer(Result<Json> result) const {
  if (const auto session = session_.lock()) session->answer(id_, std::move(result));
}

ConnectionPtr Request::accept_stream() const {
  const auto session = session_.lock();
  if (!session || session->state_ != Session::State::open) return nullptr;
  session->answer(id_, Json::object());
  return session->release();
}

Session::Session(Loop& loop, ConnectionPtr connection, Caller caller, Hello own, Timing timing, Hooks hooks)
    : loop_(loop), connection_(std::move(connection)), caller_(caller), own_(std::move(own)), timing_(timing),
      hooks_(std::move(hooks)), label_(connection_->name().empty() ? connection_->where() : connection_->name()) {}

void Session::start() {
  state_ = State::waiting_for_hello;
  hello_limit_ = loop_.after(timing_.hello, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->end(Error{ErrorKind::unavailable, "no hello in time", {}}, false);
  });
  send({.kind = MessageKind::hello, .standing = {}, .hello = own_});
  // The connection holds the session from here on; the end of either lets go of the other.
  connection_->start(
      {.on_frame = [self = shared_from_this()](std::string payload) { self->take_frame(std::move(payload)); },
       .on_closed = [self = shared_from_this()](const Error& why) { self->end(why, false); }});
}

void Session::send(Message message) {
  if (state_ == State::closed) return;
  if (caller_ == Caller::peer) message.standing = hooks_.standing ? hooks_.standing() : Standing{};
  std::string text = encode(message);
  if (text.size() > largest_frame) {
    // Only a result or parameters can be that large, and whoever waits for them is told instead.
    const Error too_large{
        ErrorKind::failed, fmt::format("a message of {} bytes is too large to send", text.size()), {}};
    if (message.kind != MessageKind::response) return;
    message.payload = {};
    message.error = too_large;
    text = encode(message);
  }
  connection_->send(text);
  if (connection_->queued() > most_queued)
    end(Error{ErrorKind::unavailable, "the other side does not read what it is sent", {}}, false);
}

void Session::take_frame(std::string payload) {
  if (state_ == State::closed) return;
  heard_since_check_ = true;
  const auto keep = shared_from_this();
  auto message = decode(payload);
  auto taken = message ? take(std::move(*message)) : std::unexpected(std::move(message).error());
  if (!taken) end(std::move(taken).error(), false);
}

Result<void> Session::take(Message message) {
  if (message.kind == MessageKind::goodbye) {
    end_without_a_word(*std::move(message.error));
    return {};
  }
  TANDEM_CHECK(take_standing(message));
  if (state_ == State::closed) return {};
  if (state_ == State::waiting_for_hello) return take_hello(message);
  switch (message.kind) {
  case MessageKind::hello:
    return out_of_order("a second hello");
  case MessageKind::request:
    return take_request(std::move(message));
  case MessageKind::event:
    return take_event(message);
  case MessageKind::response:
    return take_response(std::move(message));
  case MessageKind::beat:
  case MessageKind::goodbye:
    return {};
  }
  return {};
}

Result<void> Session::take_standing(const Message& message) {
  if (caller_ != Caller::peer) return {};
  if (!message.standing) return fail(ErrorKind::invalid, "a message without epoch and primary");
  // A standing counts only from a sender whose hello was accepted.
  if (state_ == State::open && hooks_.met) hooks_.met(other_.server, *message.standing);
  return {};
}

Result<void> Session::take_hello(const Message& message) {
  if (message.kind != MessageKind::hello) return out_of_order("something before hello");
  if (!connection_->name().empty() && message.hello.server != connection_->name())
    return fail(ErrorKind::refused,
                fmt::format("\"{}\" calls itself \"{}\"", connection_->name(), message.hello.server));
  if (hooks_.check) TANDEM_CHECK(hooks_.check(message.hello));
  hello_limit_.cancel();
  other_ = message.hello;
  state_ = State::open;
  keep_alive();
  watch_silence();
  if (message.standing && hooks_.met) hooks_.met(other_.server, *message.standing);
  if (state_ == State::open && hooks_.on_open) hooks_.on_open(shared_from_this());
  return {};
}

Result<void> Session::take_request(Message message) {
  if (message.id <= last_heard_)
    return out_of_order(fmt::format("request {} after request {}", message.id, last_heard_));
  last_heard_ = message.id;
  unanswered_.insert(message.id);
  if (unanswered_.size() > most_unanswered) {
    answer(message.id, fail(ErrorKind::refused, fmt::format("more than {} requests at a time", most_unanswered)));
    return {};
  }
  if (hooks_.on_request)
    hooks_.on_request(
        Request(weak_from_this(), message.id, caller_, label_, std::move(message.method), std::move(message.payload)));
  return {};
}

Result<void> Session::take_event(const Message& message) {
  if (message.id > last_asked_) return out_of_order("an event for a request that was never made");
  const auto call = calls_.find(message.id);
  if (call == calls_.end() || !call->second.on_event) return {}; // its time limit has passed
  const OnEvent on_event = call->second.on_event;
  on_event(*message.payload);
  return {};
}

Result<void> Session::take_response(Message message) {
  if (message.id > last_asked_) return out_of_order("an answer to a request that was never made");
  auto node = calls_.extract(message.id);
  if (node.empty()) return {}; // its time limit has passed, or it was answered before
  node.mapped().limit.cancel();
  if (message.error)
    node.mapped().on_answer(std::unexpected(*std::move(message.error)));
  else
    node.mapped().on_answer(std::move(message.payload).take());
  return {};
}

void Session::call(const std::string& method, const Json& params, OnEvent on_event, OnAnswer on_answer,
                   Duration time_limit) {
  if (state_ != State::open) {
    loop_.post([on_answer = std::move(on_answer), label = label_] {
      on_answer(fail(ErrorKind::unavailable, fmt::format("{} is not connected", label)));
    });
    return;
  }
  const std::uint64_t id = ++last_asked_;
  Timer limit = loop_.after(time_limit, [weak = weak_from_this(), id, method] {
    const auto self = weak.lock();
    if (!self) return;
    auto node = self->calls_.extract(id);
    if (node.empty()) return;
    node.mapped().on_answer(
        fail(ErrorKind::unavailable, fmt::format("{} did not answer \"{}\" in time", self->label_, method)));
  });
  calls_.emplace(id, Call{std::move(on_event), std::move(on_answer), std::move(limit)});
  send({.kind = MessageKind::request, .standing = {}, .id = id, .method = method, .payload = Payload(params)});
}

void Session::answer(std::uint64_t id, Result<Json> result) {
  if (unanswered_.erase(id) == 0) return;
  Message message{.kind = MessageKind::response, .standing = {}, .id = id};
  if (result)
    message.payload = Payload(std::move(*result));
  else
    message.error = std::move(result).error();
  send(std::move(message));
}

void Session::event(std::uint64_t id, const Json& data) {
  if (unanswered_.contains(id)) send({.kind = MessageKind::event, .standing = {}, .id = id, .payload = Payload(data)});
}

void Session::beat() {
  // On a connection that is to carry a stream a sign of life could arrive among the bytes of the stream.
  if (state_ == State::open && !own_.stream && !other_.stream) send({.kind = MessageKind::beat, .standing = {}});
}

// Both ends of a unix socket see each other's end at once; only the network needs signs of life.
void Session::keep_alive() {
  if (caller_ != Caller::peer) return;
  beat_ = loop_.after(timing_.beat, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->state_ != State::open) return;
    self->beat();
    self->keep_alive();
  });
}

void Session::watch_silence() {
  if (caller_ != Caller::peer) return;
  heard_since_check_ = false;
  silence_ = loop_.after(timing_.silence, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->state_ != State::open) return;
    if (self->heard_since_check_) return self->watch_silence();
    self->end(Error{ErrorKind::unavailable, "nothing was heard from it for too long", {}}, false);
  });
}

void Session::close(Error why) {
  end(why, true);
}

ConnectionPtr Session::release() {
  const ConnectionPtr connection = connection_;
  if (state_ == State::closed) return connection;
  connection->pause();
  connection->redirect({});
  finish(Error{ErrorKind::unavailable, "the connection carries a stream now", {}}, true, true);
  return connection;
}

void Session::end(const Error& why, bool ours) {
  if (state_ == State::closed) return;
  if (connection_->queued() <= most_queued) send({.kind = MessageKind::goodbye, .standing = {}, .error = why});
  finish(why, ours);
}

void Session::end_without_a_word(const Error& why) {
  if (state_ != State::closed) finish(why, false);
}

void Session::finish(const Error& why, bool ours, bool keep_connection) {
  const auto keep = shared_from_this();
  state_ = State::closed;
  hello_limit_.cancel();
  beat_.cancel();
  silence_.cancel();
  if (!keep_connection) connection_->close();
  const auto calls = std::exchange(calls_, {});
  const Hooks hooks = std::exchange(hooks_, {});
  for (const auto& [id, call] : calls)
    call.on_answer(fail(ErrorKind::unavailable, fmt::format("{}: {}", label_, why.message), why.hint));
  if (!ours && hooks.on_closed) hooks.on_closed(shared_from_this(), why);
}

} // namespace tandem::peer
