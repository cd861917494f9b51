// A runbook: the ordered steps of a role change, as data. What a step really does is bound by the agent under the
// step's id; here stand its order, its words, its limits and the commands that a person could type instead.
//
// Every step is idempotent, its undo too: after an interruption the same step is performed again.
// Texts and commands may name parameters in braces: {old} {new} {epoch} …; see switchover.hpp for all of them.
#pragma once
#include "role/state.hpp"

#include <chrono>
#include <map>
#include <span>

namespace tandem::role {

using Parameters = std::map<std::string, std::string>;

enum class Place {
  old_primary,
  new_primary,
  coordinator, // who carries the run on: its leader until the grant, the new primary after it
};

enum class Side {
  before, // can be undone
  grant,  // the one step that decides
  after,  // only forward
};

enum class Phase { precondition, action, check, undo };

struct Step {
  std::string_view id;
  Place place = Place::coordinator;
  Side side = Side::before;
  std::string_view title = {};                      // in the operator's words
  std::string_view what = {};                       // what it does and why it stands here
  std::vector<std::string_view> commands = {};      // to type on that server
  std::string_view precondition = {};               // in words; empty: none
  std::string_view check = {};                      // in words; empty: the action's own success
  std::string_view undo = {};                       // in words; empty: nothing to undo
  std::vector<std::string_view> undo_commands = {}; //
  std::chrono::milliseconds limit{0};               // the longest that one phase may take
  std::string_view limit_parameter = {};            // seconds, instead of `limit`: "drain"; empty: none
  bool visitors_wait = false;                       // visitors are held while it runs: the limit "hold" counts
  bool needs_old = false; // on the new primary, but about the old one: not worth waiting for while that is away
};

struct Runbook {
  std::string_view name;    // "switchover"
  std::string_view summary; // one sentence
  std::string_view by_hand; // what a person who types it needs, and does first
  std::vector<Step> steps;

  [[nodiscard]] const Step* step(std::string_view id) const;
};

// The runbook of that name; null when there is none.
[[nodiscard]] const Runbook* find_runbook(std::string_view name);

// One run of a runbook.
struct Opening {
  std::string runbook;
  std::string id;     // unique in the pair
  std::string from;   // the old primary
  std::string to;     // the new one
  std::string leader; // carries it on until the grant: the old primary, or the new one where the old may be gone
  Epoch epoch = 0;    // that the grant gives to `to`
  std::string reason;
  Parameters parameters;
  bool operator==(const Opening&) const = default;
};

// The server that a step is performed on.
[[nodiscard]] const std::string& server_of(const Step& step, const Opening& opening);
// Braces filled in; an unknown name stays as it is (a test looks for those).
[[nodiscard]] std::string filled(std::string_view text, const Opening& opening);

// The steps as `--dry-run` shows them.
[[nodiscard]] std::string dry_run(const Runbook& runbook, const Opening& opening);
// The steps as numbered commands for a person, with how to go back from each point before the grant.
[[nodiscard]] std::string typed(const Runbook& runbook, const Opening& opening);

} // namespace tandem::role
