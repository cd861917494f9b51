// What servers tell each other about roles. A message counts only between the two boots that it names: nothing
// said before a restart of either side is believed after it.
#pragma once
#include "role/state.hpp"

namespace tandem::role {

enum class MessageKind {
  hello,       // the first on every connection, before the other's boot is known
  answer,      // to a hello, and whenever the other should know this server's epoch
  grant,       // "epoch `subject` is yours", after it was stored; repeated until answered
  ask_refusal, // "if you have not taken epoch `subject`, refuse it for ever"
  refusal,     // "epoch `subject` is refused", after it was stored
  ask_promise, // "I take over at epoch `subject`: vouch for nobody below it"
  promise,     // given, after it was stored
};

struct Message {
  MessageKind kind = MessageKind::hello;
  std::string from;
  std::string to;
  Incarnation from_boot = 0;
  Incarnation to_boot = 0; // 0 in a hello: not known yet
  Epoch epoch = 0;         // the sender's, with its primary
  std::string primary;
  bool settled = false; // the sender knows of every failover there was
  Epoch subject = 0;    // what a grant, refusal or promise is about; in an answer to a wish for a promise that is
                        // not given: the sender can promise no epoch up to it; else 0
  std::set<std::string> in_sync;
  bool insist = false; // of a wish for a promise: the operator wants the other to stop serving for it
  bool operator==(const Message&) const = default;
  auto operator<=>(const Message&) const = default;
};

inline constexpr int message_version = 1;

[[nodiscard]] std::string_view name_of(MessageKind kind);
// JSON text with its version, for the peers' channel.
[[nodiscard]] std::string encode(const Message& message);
// Kind `invalid`: not such a message; a newer version says so.
[[nodiscard]] Result<Message> decode_message(const std::string& text);

} // namespace tandem::role
