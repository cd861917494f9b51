// Makes the plan true on this server: one resource after the other, each read again, compared, changed and looked at
// once more. Idempotent: a run that was cut off anywhere is finished by the next.
#pragma once
#include "converge/plan.hpp"

namespace tandem::converge {

// What apply says while it works. All calls come on the applying thread.
class Observer {
public:
  virtual ~Observer() = default;
  virtual void starting(const Change& change) = 0;
  virtual void line(std::string_view text) = 0; // from a program that runs, e.g. apt-get
  virtual void finished(const Change& change) = 0;
};

// The two moments of a change at which a cut hurts most.
enum class Moment {
  before, // the ledger says which services it concerns; nothing of it is done
  after,  // it is done; the ledger does not say so yet
};

// Lets an apply end, or stand still, between two changes: because the server's role has changed meanwhile, because
// something more urgent waits, or to rehearse an interruption.
class Halts {
public:
  virtual ~Halts() = default;
  // Called at both moments of every change, reloads and restarts included; may wait. An error ends the apply as a cut
  // at this moment would: nothing is put back.
  virtual Result<void> reached(Moment moment, const Change& change) = 0;
  // Whether to go on with what comes next: a change, or files that are checked together. Asked after reached() let the
  // first change of it begin, so that whoever stood still there is asked, too. An error ends the apply in good order.
  virtual Result<void> may_go_on() = 0;
  // Whether a change may wait for another program that is at work, such as a person's apt-get.
  [[nodiscard]] virtual bool may_wait() const = 0;
};

// Lets the pair keep two servers from reloading or restarting the same service at the same moment.
class ReactionTurns {
public:
  virtual ~ReactionTurns() = default;
  virtual Result<void> take(const Reaction& reaction) = 0;         // waits for its turn
  virtual void give_back(const Reaction& reaction, bool done) = 0; // done: the service is there again
};

struct Applied {
  std::vector<std::string> done;     // ids of what was changed, in order
  std::optional<std::string> failed; // the id at which it stopped
  std::optional<Error> error;
  std::vector<std::string> not_started;    // ids that still differ or were not looked at
  std::vector<std::string> held_back = {}; // settings that a standby's PostgreSQL cannot lower yet
};

struct ApplyContext {
  system::Ports& ports;
  CertificateIssuer& issuer;
  ReactionTurns& turns;
  Observer& observer;
  Halts& halts;
  std::string state_folder = "/var/lib/tandem"; // ledger, kept files, candidates
  bool notes_before = false; // what was there before is noted, to be put back some day: see before.hpp
};

// An error only when it could not begin (a damaged ledger, a contradiction among the resources, a refusal found
// before anything was changed). Otherwise what came of it.
Result<Applied> apply(const std::vector<Resource>& resources, ApplyContext& context);

// The plan alone, by the same reader.
Result<Plan> plan_only(const std::vector<Resource>& resources, system::Ports& ports, CertificateIssuer& issuer,
                       const std::string& state_folder = "/var/lib/tandem");

} // namespace tandem::converge
