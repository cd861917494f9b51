// A server's role, kept through the rules of the protocol: in which order it stops, stores and speaks, and what becomes
// of a decision that its disk does not take. No clock, no I/O of its own; the agent and the simulator use the same.
//
//  - What another server tells of a later primary takes the right to write away at once. It counts in memory even when
//    it cannot be stored, and nothing is said until it is: a server that is silent does no harm.
//  - What this server is asked for (a promise, a grant) is stored before it stops: where it cannot be stored, it has
//    not happened, and the server goes on as it was.
//  - A start that cannot be stored leaves all as the agent before left it, but for a later primary that it is told of:
//    that stops it too.
//  - Nothing else happens, the right to write least of all, before it is stored, and all that was not yet with it.
#pragma once
#include "role/protocol.hpp"

#include <functional>

namespace tandem::role {

class Keeping {
public:
  struct Ports {
    std::function<void()> stop;                     // the right to write is lost: at once
    std::function<Result<void>(const Kept&)> store; // on the disk, when it returns
  };

  explicit Keeping(Ports ports, Policy policy = {}) : ports_(std::move(ports)), policy_(policy) {}

  // What the disk holds at the agent's start. Nothing counts before the event `boot` is taken.
  void load(Members members, Kept kept);

  // Applies the rule that matches and stores what it changed. What comes back in messages is to be sent; where
  // `refused` says so, nothing has changed, and `sentence` tells why. Any event before `boot` is refused.
  Outcome take(const Event& event);
  // The run whose journal is read at the next start. Stored when it returns.
  [[nodiscard]] Result<void> remember_run(const std::string& id);

  void set_members(Members members) { members_ = std::move(members); }

  [[nodiscard]] const Members& members() const { return members_; }

  [[nodiscard]] const Role& role() const { return role_; }

  [[nodiscard]] bool booted() const { return booted_; }

  // Why the disk does not hold what this server knows or was asked for last; "": it does.
  [[nodiscard]] const std::string& problem() const { return problem_; }

private:
  [[nodiscard]] bool has_to_stop(const Event& event) const;
  Outcome accept(Outcome outcome);
  Outcome forgo(Outcome outcome, bool told);

  Ports ports_;
  Policy policy_;
  Members members_;
  Role role_;
  bool booted_ = false;
  bool behind_ = false; // the disk: what is in memory goes beyond it
  std::string problem_;
};

} // namespace tandem::role
