// What the steps of every runbook work with on this server, and those that all runbooks share: from the marker to the
// open gate of a new primary. One object a phase of a step, made anew for each, so that it holds nothing between two.
// On a worker thread.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/name_keeper.hpp"
#include "agent/operations/replication.hpp"
#include "agent/queue_keeper.hpp"
#include "sites/serving.hpp"

namespace tandem::agent {

struct StepParts {
  Agent& agent;
  system::Applications& applications;
  FilesLedger& files;
  DutyKeeper& keeper;
  QueueKeeper& queue;
  NameKeeper& names;
};

// What a step does in each of its phases; null: nothing.
template <class Work>
struct StepPhases {
  using Deed = Result<void> (Work::*)();
  Deed before = nullptr;
  Deed action = nullptr;
  Deed check = nullptr;
  Deed undo = nullptr;
};

template <class Work>
using StepTable = std::map<std::string, StepPhases<Work>>;

class StepWork {
public:
  // The call and `ended` must outlive it.
  StepWork(const StepParts& parts, const role::Call& call, const std::function<bool()>& ended);

protected:
  using milliseconds = std::chrono::milliseconds;

  template <class Work>
  Result<void> run_phase(Work& work, const StepTable<Work>& table) {
    if (!now_.pair) return failed("tandem.toml cannot be read on " + now_.server, "tandem check");
    const auto found = table.find(call_.step);
    if (found == table.end()) return fail(ErrorKind::refused, "the step \"" + call_.step + "\" is not known here");
    const auto& phases = found->second;
    const auto deed = call_.phase == role::Phase::precondition ? phases.before
                      : call_.phase == role::Phase::action     ? phases.action
                      : call_.phase == role::Phase::check      ? phases.check
                                                               : phases.undo;
    return deed == nullptr ? Result<void>() : (work.*deed)();
  }

  [[nodiscard]] const std::string& other() const; // the server that the run is about besides this one
  void tell(const std::string& line) const;       // the agent's log
  [[nodiscard]] replication::Progress progress() const;
  Result<replication::DatabaseTools> tools();
  sites::Serving serving();
  Result<void> for_sites(const std::function<Result<void>(const model::Site&)>& work);
  Result<void> of_each_site(Result<void> (sites::Serving::*question)(const model::Site&));
  // A step that waits ends by itself a little before its limit, with a better message than the limit's own.
  [[nodiscard]] milliseconds waiting_time() const;
  [[nodiscard]] milliseconds left_until(std::chrono::nanoseconds until) const;

  // ---- the steps that make this server the primary
  Result<void> mark();
  // The same for the server that takes the primary's place, once nothing that another sends is written here any more.
  Result<void> take();
  Result<void> nothing_is_sent_here();
  Result<void> promote();
  Result<void> takes_writes();
  void empty_memcached();
  void empty_redis();
  void promote_queue();
  Result<void> on_promote();
  Result<void> wait_for_health();
  Result<void> serve_visitors();
  Result<void> switch_dns();
  Result<void> start_work();
  Result<void> open_gate();

  Agent& agent_;
  system::Applications& applications_;
  FilesLedger& files_;
  DutyKeeper& keeper_;
  QueueKeeper& queue_;
  NameKeeper& names_;
  const role::Call& call_;
  // The agent stops, or the runbook has given the step up: it must not go on to change anything.
  std::function<bool()> ended_;
  Snapshot now_;
};

} // namespace tandem::agent
