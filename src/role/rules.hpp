// The table behind transition(): one row per rule. For the protocol, its tests and the diagram in docs/roles.md.
#pragma once
#include "role/protocol.hpp"

#include <span>

namespace tandem::role {

// A message's epoch and primary seen from this server.
enum class Relation { lower, same, different, higher_other, higher_self };
// What a grant, refusal or promise is about, seen from this server.
enum class Claim {
  open,     // above all that is known here
  known,    // at or below the epoch known here
  refused,  // this server refused it
  promised, // below, or equal to, an epoch promised to another
};
// Whether a failover accounts for every other server.
enum class Cover {
  full,    // each is off or has promised
  partial, // some have a session with us and have not promised
  missing, // some are neither off nor in a session
};

// All that a row's condition may look at.
struct Facts {
  Situation situation = Situation::waiting;
  bool in_session = true; // the message is between the present boots of two members
  Relation relation = Relation::lower;
  Claim claim = Claim::open;
  bool settles = false;       // settled, counting this message
  bool vouched = false;       // the sender is settled
  bool entitled = false;      // this server is the primary by what it keeps, with no grant or conflict
  bool from_target = false;   // the sender is the server that the open grant is for
  bool of_our_grant = false;  // the message is about the epoch that this server granted
  bool alone = false;         // the pair has no other server
  bool still_serving = false; //
  bool reachable = false;     // the server named (or granted to) has a session with us
  bool candidate = false;     // for exactly the epoch that the message is about
  bool of_another = false;    // the message is about our epoch, which has another primary
  bool of_promise = false;    // the message is from the server that we promised this very epoch to
  bool insists = false;       // the operator wants this server to stop for the one that asks
  bool barred = false;        // the in-sync set does not name the server and no loss is allowed
  Cover cover = Cover::missing;
};

struct Context; // rules.cpp

using Situations = std::span<const Situation>;

struct Row {
  std::string_view id; // "hello.higher.serving"
  EventKind on;
  std::uint8_t from;     // bit set of situations, see bit()
  std::uint8_t to;       // where it can lead; 0: the situation stays
  std::string_view when; // the condition in words; empty: always
  bool (*matches)(const Facts&);
  std::string_view sentence; // with {self} {peer} {epoch} {subject} {primary} {server} {missing}
  void (*apply)(Context&);
};

[[nodiscard]] constexpr std::uint8_t bit(Situation situation) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(situation));
}

[[nodiscard]] std::span<const Row> rules();
[[nodiscard]] Facts facts_of(const Members& members, const Role& role, const Event& event, const Policy& policy);
[[nodiscard]] bool matches(const Row& row, EventKind kind, const Facts& facts);

} // namespace tandem::role
