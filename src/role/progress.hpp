// How far a run is, folded from its records, and what comes next. Pure: so that every interruption can be tested
// by cutting the records short.
#pragma once
#include "role/decide.hpp"
#include "role/record.hpp"

namespace tandem::role {

struct StepProgress {
  enum class At { untouched, begun, done, failed, left, undo_begun, undo_failed, undone };
  At at = At::untouched;
  int failures = 0; // of the step, and of its undo, so far
  std::string message;
};

struct Progress {
  Opening opening;
  const Runbook* runbook = nullptr; // never null once made
  std::vector<StepProgress> steps;  // in the runbook's order
  bool turned_back = false;
  std::string why_back;
  std::string fault; // the last failure, with its step
  Ending closed = Ending::none;

  [[nodiscard]] bool is_open() const { return closed == Ending::none; }
};

// Kind `invalid`: the records are of an unknown runbook or step, or do not begin with an opening.
[[nodiscard]] Result<Progress> progress_of(std::span<const Record> records);

// What the role state says of the run's grant; it alone decides, the journal only tells.
struct Standing {
  bool granted = false; // the run's epoch is stored here as the new primary's
  // A higher epoch is known, or the run's epoch is another server's, or claimed by another; or it is a switchover from
  // a primary whose own epoch another claims.
  bool overtaken = false;
};

// What a server that has `latest` as its latest run (null: none) says of how the run of that id has ended: none while
// it is open here; overtaken when it is none of this server's any more, since then nobody carries it out.
[[nodiscard]] Ending ending_of(const Progress* latest, const std::string& id);

[[nodiscard]] Standing standing_of(const Kept& kept, const Opening& opening);

// The server that carries the run on.
[[nodiscard]] const std::string& coordinator_of(const Opening& opening, const Standing& standing);

struct Move {
  enum class Kind {
    perform, // the step
    undo,    // the step
    close,   // with `ending`
    wait,    // another server has to act; `message` says which
    finished // it is closed
  };
  Kind kind = Kind::wait;
  std::size_t step = 0;
  Ending ending = Ending::none;
  std::string message;
};

// A step of (or about) the other server that failed so often after the grant is left to that server's own boot.
inline constexpr int patience = 5;

[[nodiscard]] Move next_move(const Progress& progress, const Standing& standing, const std::string& self);

// For decide(); `active`: this agent has had an engine for it since its start.
[[nodiscard]] RunbookNow runbook_now(const Progress& progress, const Standing& standing, const std::string& self,
                                     bool active);

} // namespace tandem::role
