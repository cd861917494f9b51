// The messages that agents and commands exchange, and their strict text form (one JSON object a frame).
// Version 1. A member that is missing, of a wrong type or unknown makes the whole message invalid.
#pragma once
#include "peer/json.hpp"

#include <optional>

namespace tandem::peer {

constexpr std::uint64_t message_version = 1;

// Who is primary, and since which change of primary. Every message between servers carries it.
struct Standing {
  std::uint64_t epoch = 0;
  std::string primary; // empty: none known yet
  bool operator==(const Standing&) const = default;
};

// The first message of each side. What follows counts only between these two boots.
struct Hello {
  std::string pair_id; // empty from a command and from a server that wants to join
  std::string server;  // the sender's name in the pair; empty from a command
  std::string boot_id; // changes with every boot of the machine and every start of the agent
  std::string agent;   // its version, for a person
  bool stream = false; // the connection is to carry one stream of bytes instead of requests
  bool operator==(const Hello&) const = default;
};

// goodbye: the reason why the sender ends the connection. beat: a sign of life.
enum class MessageKind { hello, request, event, response, beat, goodbye };

// A JSON value by pointer, so that this header needs no JSON library. Never empty.
class Payload {
public:
  Payload(); // null
  Payload(Json value);
  Payload(const Payload& other);
  Payload(Payload&& other) noexcept;
  Payload& operator=(Payload other) noexcept;
  ~Payload();

  [[nodiscard]] const Json& operator*() const { return *value_; }

  [[nodiscard]] const Json* operator->() const { return value_; }

  Json take() &&; // leaves null behind

private:
  Json* value_;
};

struct Message {
  MessageKind kind = MessageKind::beat;
  std::optional<Standing> standing; // a command sends none
  Hello hello = {};                 // of a hello
  std::uint64_t id = 0;             // of request, event, response; requests count up from 1
  std::string method = {};          // of a request
  Payload payload = {};             // a request's parameters, an event's data, a response's result
  std::optional<Error> error = {};  // of a goodbye, and of a response that failed
};

std::string encode(const Message& message);
Result<Message> decode(std::string_view text);

std::string_view name_of(ErrorKind kind);
std::optional<ErrorKind> error_kind_of(std::string_view name);
// {"kind", "message", "hint"}
Json to_json(const Error& error);
Result<Error> error_from_json(const Json& value);

} // namespace tandem::peer
