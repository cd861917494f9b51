#include "peer/message.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace tandem::peer {

Payload::Payload() : value_(new Json()) {}

Payload::Payload(Json value) : value_(new Json(std::move(value))) {}

Payload::Payload(const Payload& other) : value_(new Json(*other.value_)) {}

// A moved-from payload is null, not empty, so that it can still be looked at.
Payload::Payload(Payload&& other) noexcept : value_(new Json()) {
  std::swap(value_, other.value_);
}

Payload& Payload::operator=(Payload other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

Payload::~Payload() {
  delete value_;
}

Json Payload::take() && {
  return std::exchange(*value_, Json());
}

namespace {

constexpr std::array kinds{"hello", "request", "event", "response", "beat", "goodbye"};
constexpr std::array error_kinds{"failed", "invalid", "refused", "unavailable", "not_found"};

// Ids stay where every JSON reader keeps whole numbers exact.
constexpr std::uint64_t largest_id = std::uint64_t{1} << 53U;
constexpr std::size_t longest_name = 255;

Result<std::string> short_text(const Json& object, std::string_view name) {
  TANDEM_TRY(std::string text, text_member(object, name));
  if (text.size() > longest_name) return fail(ErrorKind::invalid, fmt::format("member \"{}\" is too long", name));
  return text;
}

Result<MessageKind> kind_of(const Json& object) {
  TANDEM_TRY(const std::string name, text_member(object, "kind"));
  const auto found = std::find(kinds.begin(), kinds.end(), name);
  if (found == kinds.end()) return fail(ErrorKind::invalid, "a message of an unknown kind");
  return static_cast<MessageKind>(found - kinds.begin());
}

std::set<std::string> members_of(MessageKind kind) {
  switch (kind) {
  case MessageKind::hello:
    return {"pair", "server", "boot", "agent", "stream"};
  case MessageKind::request:
    return {"id", "method", "params"};
  case MessageKind::event:
    return {"id", "data"};
  case MessageKind::response:
    return {"id", "result", "error"};
  case MessageKind::goodbye:
    return {"error"};
  case MessageKind::beat:
    return {};
  }
  return {};
}

Result<void> check_members(const Json& object, MessageKind kind) {
  std::set<std::string> known = members_of(kind);
  known.insert({"v", "kind", "epoch", "primary"});
  for (const auto& [name, value] : object.items())
    if (!known.contains(name)) return fail(ErrorKind::invalid, "a message with an unknown member");
  return {};
}

Result<std::optional<Standing>> decode_standing(const Json& object) {
  if (!object.contains("epoch") && !object.contains("primary")) return std::nullopt;
  Standing standing;
  TANDEM_TRY(standing.epoch, number_member(object, "epoch"));
  TANDEM_TRY(standing.primary, short_text(object, "primary"));
  return standing;
}

Result<Hello> decode_hello(const Json& object) {
  Hello hello;
  TANDEM_TRY(hello.pair_id, short_text(object, "pair"));
  TANDEM_TRY(hello.server, short_text(object, "server"));
  TANDEM_TRY(hello.boot_id, short_text(object, "boot"));
  TANDEM_TRY(hello.agent, short_text(object, "agent"));
  TANDEM_TRY(hello.stream, flag_member(object, "stream"));
  return hello;
}

Result<void> decode_body(Json& object, Message& message) {
  if (message.kind == MessageKind::beat) return {};
  if (message.kind == MessageKind::hello) {
    TANDEM_TRY(message.hello, decode_hello(object));
    return {};
  }
  if (message.kind == MessageKind::goodbye) {
    if (!object.contains("error")) return fail(ErrorKind::invalid, "a goodbye without its reason");
    TANDEM_TRY(message.error, error_from_json(object["error"]));
    return {};
  }
  TANDEM_TRY(message.id, number_member(object, "id"));
  if (message.id == 0 || message.id > largest_id) return fail(ErrorKind::invalid, "a message id out of range");
  const bool bad = message.kind == MessageKind::response && object.contains("error");
  if (bad) {
    if (object.contains("result")) return fail(ErrorKind::invalid, "a response with both a result and an error");
    TANDEM_TRY(message.error, error_from_json(object["error"]));
    return {};
  }
  if (message.kind == MessageKind::request) {
    TANDEM_TRY(message.method, short_text(object, "method"));
  }
  const char* name = message.kind == MessageKind::request ? "params"
                     : message.kind == MessageKind::event ? "data"
                                                          : "result";
  if (!object.contains(name)) return fail(ErrorKind::invalid, fmt::format("a message without \"{}\"", name));
  if (message.kind == MessageKind::request && !object[name].is_object())
    return fail(ErrorKind::invalid, "a request whose params are no object");
  message.payload = Payload(std::move(object[name]));
  return {};
}

} // namespace

std::string_view name_of(ErrorKind kind) {
  return error_kinds[static_cast<std::size_t>(kind)];
}

std::optional<ErrorKind> error_kind_of(std::string_view name) {
  const auto found = std::find(error_kinds.begin(), error_kinds.end(), name);
  if (found == error_kinds.end()) return std::nullopt;
  return static_cast<ErrorKind>(found - error_kinds.begin());
}

Json to_json(const Error& error) {
  return {{"kind", name_of(error.kind)}, {"message", error.message}, {"hint", error.hint}};
}

Result<Error> error_from_json(const Json& value) {
  Error error;
  TANDEM_TRY(const std::string kind, text_member(value, "kind"));
  const auto known = error_kind_of(kind);
  if (!known) return fail(ErrorKind::invalid, "an error of an unknown kind");
  error.kind = *known;
  TANDEM_TRY(error.message, text_member(value, "message"));
  TANDEM_TRY(error.hint, text_member(value, "hint"));
  if (value.size() != 3) return fail(ErrorKind::invalid, "an error with an unknown member");
  return error;
}

std::string encode(const Message& message) {
  Json object{{"v", message_version}, {"kind", kinds[static_cast<std::size_t>(message.kind)]}};
  if (message.standing) {
    object["epoch"] = message.standing->epoch;
    object["primary"] = message.standing->primary;
  }
  switch (message.kind) {
  case MessageKind::hello:
    object["pair"] = message.hello.pair_id;
    object["server"] = message.hello.server;
    object["boot"] = message.hello.boot_id;
    object["agent"] = message.hello.agent;
    object["stream"] = message.hello.stream;
    break;
  case MessageKind::request:
    object["id"] = message.id;
    object["method"] = message.method;
    object["params"] = message.payload->is_null() ? Json::object() : *message.payload;
    break;
  case MessageKind::event:
    object["id"] = message.id;
    object["data"] = *message.payload;
    break;
  case MessageKind::response:
    object["id"] = message.id;
    if (message.error)
      object["error"] = to_json(*message.error);
    else
      object["result"] = *message.payload;
    break;
  case MessageKind::goodbye:
    object["error"] = to_json(message.error.value_or(Error{}));
    break;
  case MessageKind::beat:
    break;
  }
  return to_text(object);
}

Result<Message> decode(std::string_view text) {
  TANDEM_TRY(Json object, parse_json(text));
  if (!object.is_object()) return fail(ErrorKind::invalid, "a message that is no JSON object");
  TANDEM_TRY(const std::uint64_t version, number_member(object, "v"));
  if (version != message_version)
    return fail(ErrorKind::invalid,
                fmt::format("a message of version {}, this agent knows version {}", version, message_version),
                "Install the same version of tandem on every server");
  Message message;
  TANDEM_TRY(message.kind, kind_of(object));
  TANDEM_CHECK(check_members(object, message.kind));
  TANDEM_TRY(message.standing, decode_standing(object));
  TANDEM_CHECK(decode_body(object, message));
  return message;
}

} // namespace tandem::peer
