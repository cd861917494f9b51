// The engine that carries a runbook through, on the server that coordinates it: its leader until the grant, the new
// primary after it. It does nothing by itself: the caller asks for the next call, performs it on the named
// server, and hands the result back. Blocks nowhere and starts no thread, so that an event loop, a plain loop and
// the simulator drive the same engine.
//
//   for (;;) {
//     auto operation = engine.next();
//     if (operation.kind == Operation::Kind::perform) engine.complete(perform(operation.call));
//     else if (operation.kind == Operation::Kind::wait) … ask again after a moment, or when something has changed
//     else break;
//   }
//
// Before the grant a failure or a limit turns it back: the steps are undone in reverse order. After it there is
// only forward: a step that fails is tried again; one of a silent server is left to that server's boot.
#pragma once
#include "role/progress.hpp"

#include <functional>

namespace tandem::role {

// Carries this server's records of a run to the other servers, in order and again until they are stored there.
class Replicas {
public:
  virtual ~Replicas() = default;
  // There is a new record; does not wait. Best sent together with all that the other is not known to have.
  virtual void offer(const Opening& opening, const Record& record) = 0;
  // How many of this server's records of the run that server is known to have stored.
  [[nodiscard]] virtual std::uint64_t confirmed(const Opening& opening, const std::string& server) = 0;
};

// One thing to do on one server. Its action is bound by the agent under the step's id.
struct Call {
  std::string server;
  std::string step;
  Phase phase = Phase::action;
  Opening opening;
  std::chrono::milliseconds limit{0}; // it must have ended, well or not, by then
};

struct Operation {
  enum class Kind { perform, wait, finished };
  Kind kind = Kind::wait;
  Call call;                    // perform
  std::string message;          // what happens, in the operator's words; wait: for what; finished: how it ended
  Ending ending = Ending::none; // finished
};

struct EnginePorts {
  Log& log;
  Replicas& replicas;
  std::function<const Kept&()> kept;             // the role state as stored now
  std::function<std::chrono::nanoseconds()> now; // boot time
  std::function<std::string()> wall_time;        // for the records
};

class Engine {
public:
  // For a run that the log holds, or (with an empty log) for one to be opened.
  Engine(const Runbook& runbook, std::string self, EnginePorts ports)
      : runbook_(&runbook), self_(std::move(self)), ports_(std::move(ports)) {}

  // Begins a run. Nothing has changed when it fails. Afterwards the caller stores Kept::latest_run, and only then
  // sends records of the run: else the server could forget a run that another holds open, or the end of the one before.
  [[nodiscard]] Result<void> open(const Opening& opening);
  // At the agent's start: a run that is not granted yet is turned back, one that is goes forward.
  void resume(const std::string& reason);
  // The operator's wish. Kind `refused` after the grant, with what can be done instead.
  [[nodiscard]] Result<void> abort(const std::string& reason);

  // Closes a run that has lost its meaning; decide() says when.
  void overtake(const std::string& reason) { close(Ending::overtaken, reason); }

  // Closes this server's copy of one that has ended where it was carried out.
  void close(Ending ending, const std::string& reason);

  // What to do now. Between a `perform` and its complete() no other call is given out.
  [[nodiscard]] Operation next();
  void complete(const Result<void>& result);

  [[nodiscard]] Result<Progress> progress() const;

private:
  struct Work {
    std::size_t step = 0;
    bool undo = false;
    std::vector<Phase> phases; // still to do; the first is under way
  };

  [[nodiscard]] Standing standing(const Progress& progress) const;

  [[nodiscard]] const Step& step(std::size_t index) const { return runbook_->steps[index]; }

  [[nodiscard]] Record record(RecordKind kind, std::string_view step, Ending ending, std::string message) const;
  void keep(RecordKind kind, std::string_view step, Ending ending, std::string message);
  void turn_back(const std::string& reason);
  Operation begin(const Progress& progress, const Move& move);
  Operation call(const Progress& progress, const Work& work);
  std::optional<Operation> hindrance(const Progress& progress, const Step& step);
  [[nodiscard]] std::optional<std::chrono::nanoseconds> time_left(const Progress& progress) const;
  [[nodiscard]] std::chrono::milliseconds limit_of(const Progress& progress, const Work& work) const;
  void fail_step(const Progress& progress, const Work& work, const Error& error);

  const Runbook* runbook_;
  std::string self_;
  EnginePorts ports_;
  std::optional<Work> work_;
  std::optional<std::chrono::nanoseconds> held_since_; // visitors wait
  bool pause_ = false;                                 // let some time pass before the next try
};

// Whether a call that came from another server may be performed here and now: the sender coordinates this run by
// what is stored here, and the step's side fits. A call that comes late is refused, so that it harms nothing.
[[nodiscard]] Result<void> permitted(const Call& call, const std::string& sender, const Kept& kept);

// Whether the other servers get copies of its records. Not where the new primary leads from the first step on: it needs
// nobody to go on, and the one that it replaces would find the run without a meaning, and close it.
[[nodiscard]] bool is_copied(const Opening& opening);

// What a peer that holds `after` of this server's records of the latest run lacks of them, behind the run's first
// record, which tells which run it is; empty when there is nothing to send. Nothing goes of a run that this server
// would not know of after a power cut: nobody would close it over there. And that this server has overtaken a run which
// another one carries out is its own affair: there it would end the run in the middle of a step.
[[nodiscard]] std::vector<Record> offered(const Log& log, const Kept& kept, std::uint64_t after);

// Whether this server copies a run that `sender` tells it of. `present`: the latest run here; null: none.
// A run that another coordinates ends with that server's next one, so that it is in no one's way, even when the
// record of its end was lost.
[[nodiscard]] bool takes_up(const Opening& opening, const std::string& sender, const Progress* present,
                            const Kept& kept, const std::string& self);

// The sum of a finished or stuck run in a few lines: done, failed, what holds now.
[[nodiscard]] std::string summary(const Progress& progress);

} // namespace tandem::role
