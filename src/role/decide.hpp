// decide(view): what this server has to do now, at boot and while it runs. Pure; the agent asks again after every
// change. One table; rows are matched by value, and a test proves that every view has exactly one.
#pragma once
#include "role/protocol.hpp"

#include <span>

namespace tandem::role {

// What the authority says of this server.
enum class Verdict {
  serve,  // it is the primary
  follow, // another is
  wait,   // not known yet: nothing that serves may run
  grant,  // it gave the primary's place away and has no answer yet
  choose, // two servers claim one epoch: a person chooses
};

// Who may be the primary. `operator`: only a person changes it, and the servers remember. (etcd comes later.)
class Authority {
public:
  virtual ~Authority() = default;
  [[nodiscard]] virtual Verdict verdict(const Members& members, const Role& role) const = 0;
};

class OperatorAuthority final : public Authority {
public:
  [[nodiscard]] Verdict verdict(const Members& members, const Role& role) const override;
};

// This server as it is.
enum class ServerNow {
  stopped, // PostgreSQL does not run
  primary, // PostgreSQL writes, the marker is there, the gate is open here
  opening, // PostgreSQL writes, but the marker or the gate is not there (yet)
  standby, // PostgreSQL follows kept.primary, no marker, the gate is open towards it
  adrift,  // PostgreSQL is in recovery, but the rest of that is not so (yet)
};

// The runbook that this server's journal holds open.
enum class RunbookNow {
  none,
  active,            // this agent has an engine for it since its start, at work or waiting for the other server
  back_here,         // interrupted before the grant: this server undoes it
  forward_here,      // granted to this server: it finishes it
  back_elsewhere,    // before the grant: the old primary undoes it
  forward_elsewhere, // granted: the new primary finishes it
  overtaken,         // the primary has changed since by another way
};

// In the order in which they are to be done; each is idempotent.
enum class Task {
  stop_writing,   // kill what writes, at once
  close_runbook,  // as overtaken
  undo_runbook,   // run the engine, backwards
  finish_runbook, // run the engine, forwards
  become_primary, // marker, PostgreSQL as primary, applications, gate open here
  become_standby, // no marker, rejoin kept.primary, gate open towards it
  repeat_grant,   // the event `repeat`
  ask_others,     // the event `repeat`
  ask_operator,   // show what is to be chosen
};

struct View {
  Verdict verdict = Verdict::wait;
  RunbookNow runbook = RunbookNow::none;
  ServerNow server = ServerNow::stopped;
};

struct DecisionRow {
  std::string_view id;
  std::uint8_t verdicts; // bit sets
  std::uint8_t runbooks;
  std::uint8_t servers;
  std::string_view sentence;
  std::vector<Task> tasks; // empty: all is as it should be
};

[[nodiscard]] const DecisionRow& decide(const View& view);
[[nodiscard]] std::span<const DecisionRow> decisions();
[[nodiscard]] bool matches(const DecisionRow& row, const View& view);

[[nodiscard]] std::string_view name_of(Verdict verdict);
[[nodiscard]] std::string_view name_of(RunbookNow runbook);
[[nodiscard]] std::string_view name_of(ServerNow server);
[[nodiscard]] std::string_view name_of(Task task);

} // namespace tandem::role
