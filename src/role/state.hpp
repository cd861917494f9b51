// What a server remembers of roles across reboots, kept in /var/lib/tandem/role.json. Every change is stored
// (atomically, fsynced) before any message or action that follows from it leaves this server.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tandem::role {

using Epoch = std::uint64_t;
using Incarnation = std::uint64_t; // counts the agent's starts; 0: unknown

// One line of history: who became primary, and why.
struct Change {
  Epoch epoch = 0;
  std::string primary;
  std::string reason;
  std::string time; // as a person reads it, UTC
  std::string wal;  // WAL position at the change, as PostgreSQL prints it; may be empty
  bool operator==(const Change&) const = default;
};

// Words given to other servers that are to take over by failover, by their names: this server vouches for nobody below
// these epochs. One stands until an epoch at least as high is known or its server says that it will never take it: that
// a second one was promised more does not end it, since the first may have taken its epoch already.
using Promises = std::map<std::string, Epoch>;

struct Kept {
  Epoch epoch = 0;         // the highest known
  std::string primary;     // the primary of that epoch
  bool granting = false;   // this server gave `epoch` to `primary` and has no answer yet: it may not serve
  std::set<Epoch> refused; // grants to this server that it refused for ever
  Promises promised;
  std::string conflict;          // another server that claims this same epoch; empty: none
  Incarnation incarnation = 0;   // of the agent's last start
  std::set<std::string> in_sync; // servers that hold every acknowledged commit of `epoch`, the primary included
  std::string latest_run;        // id of the run whose journal is read at start, so that its end reaches the others too
  std::vector<Change> history;   // oldest first, at most `history_limit`
  bool operator==(const Kept&) const = default;
};

inline constexpr std::size_t history_limit = 1000;
inline constexpr int kept_version = 1;

// What the first server of a pair keeps after `tandem init`, and each other one after `tandem join`.
[[nodiscard]] Kept first_kept(Epoch epoch, const std::string& primary, const Change& change);

// JSON text, for journal::StateFile("role", kept_version).
[[nodiscard]] std::string encode(const Kept& kept);
// Kind `invalid` names the field that is wrong.
[[nodiscard]] Result<Kept> decode_kept(int version, const std::string& content);

// The highest epoch that was promised to anybody; 0: none.
[[nodiscard]] Epoch highest_promise(const Kept& kept);

// The lowest epoch that this server may take by itself: above all it knows, refused and promised. A server whose
// grant was refused may have gone on at the next epoch, so that one is passed over too.
[[nodiscard]] Epoch next_epoch(const Kept& kept);

} // namespace tandem::role
