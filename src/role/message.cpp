#include "role/message.hpp"

#include "role/json.hpp"

#include <array>

namespace tandem::role {

namespace {

constexpr std::array<std::pair<MessageKind, std::string_view>, 7> kinds = {{
    {MessageKind::hello, "hello"},
    {MessageKind::answer, "answer"},
    {MessageKind::grant, "grant"},
    {MessageKind::ask_refusal, "ask_refusal"},
    {MessageKind::refusal, "refusal"},
    {MessageKind::ask_promise, "ask_promise"},
    {MessageKind::promise, "promise"},
}};

Result<MessageKind> kind_from(const std::string& name) {
  for (const auto& [kind, text] : kinds)
    if (text == name) return kind;
  return fail(ErrorKind::invalid, fmt::format("role message: the kind \"{}\" is unknown", name));
}

Result<void> check_version(const Json& json) {
  if (!json.is_object() || !json.contains("version") || !json["version"].is_number_unsigned())
    return fail(ErrorKind::invalid, "role message: it has no version");
  const auto version = json["version"].get<std::uint64_t>();
  if (version == message_version) return {};
  return fail(ErrorKind::invalid, fmt::format("role message: version {} where {} is known", version, message_version),
              "Install the same tandem on all servers");
}

} // namespace

std::string_view name_of(MessageKind kind) {
  return kinds[static_cast<std::size_t>(kind)].second;
}

std::string encode(const Message& message) {
  Json json;
  json["version"] = message_version;
  json["kind"] = name_of(message.kind);
  json["from"] = message.from;
  json["to"] = message.to;
  json["from_boot"] = message.from_boot;
  json["to_boot"] = message.to_boot;
  json["epoch"] = message.epoch;
  json["primary"] = message.primary;
  json["settled"] = message.settled;
  json["subject"] = message.subject;
  json["in_sync"] = message.in_sync;
  if (message.insist) json["insist"] = true;
  return text_of(json);
}

Result<Message> decode_message(const std::string& text) {
  const auto json = Json::parse(text, nullptr, false);
  TANDEM_CHECK(check_version(json));
  Message message;
  std::string kind;
  Fields fields(json);
  fields.read("kind", kind);
  fields.read("from", message.from);
  fields.read("to", message.to);
  fields.read("from_boot", message.from_boot);
  fields.read("to_boot", message.to_boot);
  fields.read_epoch("epoch", message.epoch);
  fields.read("primary", message.primary);
  fields.read("settled", message.settled);
  fields.read_epoch("subject", message.subject);
  fields.read("in_sync", message.in_sync);
  if (fields.has("insist")) fields.read("insist", message.insist);
  TANDEM_CHECK(fields.outcome("role message"));
  TANDEM_TRY(message.kind, kind_from(kind));
  return message;
}

} // namespace tandem::role
