#include "agent/duty_keeper.hpp"

#include "agent/give_back_mark.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto tick_every = std::chrono::seconds(1);

constexpr std::array all_servers{role::ServerNow::stopped, role::ServerNow::primary, role::ServerNow::opening,
                                 role::ServerNow::standby, role::ServerNow::adrift};

bool blocks(role::Task task) {
  return task == role::Task::become_primary || task == role::Task::become_standby;
}

// Where what this server is makes no difference, it need not be looked at.
bool same_for_all(role::View view) {
  view.server = all_servers.front();
  const auto* row = &role::decide(view);
  return std::ranges::all_of(all_servers, [&](role::ServerNow server) {
    view.server = server;
    return &role::decide(view) == row;
  });
}

} // namespace

DutyKeeper::DutyKeeper(Agent& agent, std::unique_ptr<Duties> duties, PerformStep perform)
    : agent_(agent), duties_(std::move(duties)),
      role_(agent, {.stop = [this] { stop_now(); }, .changed = [this] { think(); }}),
      runs_(agent, role_, std::move(perform), [this] { think(); }) {}

void DutyKeeper::start(const std::string& self) {
  const GiveBackMark mark(agent_.ports().files, agent_.settings().state_folder);
  agent_.set_given_back(mark.says(GiveBackMark::no_duty).value_or(false));
  role_.start(self);
  // The marker outlives a power cut, and what runs by it (cron jobs, imports) asks nobody else.
  if (!role_.entitled())
    if (const auto removed = agent_.ports().files.remove(marker_file); !removed) agent_.log(describe(removed.error()));
  tick();
}

void DutyKeeper::leave() {
  ticking_.cancel();
  role_.leave();
}

void DutyKeeper::tick() {
  role_.repeat(); // which lets think() follow
  runs_.tick();
  ticking_ = agent_.loop().after(tick_every, [this] { tick(); });
}

role::View DutyKeeper::view() const {
  return {.verdict = role::OperatorAuthority().verdict(role_.members(), role_.role()), .runbook = runs_.now()};
}

DutyKeeper::Part DutyKeeper::part() const {
  if (!role_.known() || agent_.given_back()) return Part::none;
  const auto verdict = role::OperatorAuthority().verdict(role_.members(), role_.role());
  if (verdict == role::Verdict::serve)
    return runs_.is_open() && !runs_.leads_to(role_.members().self) ? Part::none : Part::primary;
  return verdict == role::Verdict::follow && !runs_.is_open() ? Part::standby : Part::none;
}

std::string DutyKeeper::duty_for(role::Verdict verdict) const {
  if (verdict == role::Verdict::serve) return "serve";
  return verdict == role::Verdict::follow ? "follow " + role_.role().kept.primary : "";
}

void DutyKeeper::think() {
  if (!role_.known() || agent_.ending() || agent_.given_back()) return;
  if (!std::exchange(runs_started_, true)) runs_.start(); // what to do depends on the run that was under way
  const auto now = view();
  if (same_for_all(now)) return act_on(now);
  if (looking_ || working_) {
    again_ = true;
    return;
  }
  look();
}

// Whoever sets the database up or copies it is let finish: what it is meanwhile says nothing.
void DutyKeeper::look() {
  {
    const std::unique_lock free(agent_.database_work(), std::try_to_lock);
    if (!free.owns_lock()) return;
  }
  looking_ = true;
  again_ = false;
  agent_.in_background([this, primary = role_.role().kept.primary] {
    const auto server = duties_->now(primary);
    agent_.loop().post([this, server] {
      looking_ = false;
      if (again_) return think();
      if (!server) {
        agent_.set_on_duty(false);
        duty_problem_ = describe(server.error());
        return;
      }
      auto now = view();
      now.server = *server;
      // An agent that has just started has not made sure of the rest: nginx and the applications.
      const bool taken_up = duty_ == duty_for(now.verdict);
      if (!taken_up && now.server == role::ServerNow::primary) now.server = role::ServerNow::opening;
      if (!taken_up && now.server == role::ServerNow::standby) now.server = role::ServerNow::adrift;
      act_on(now);
      if (!working_) duty_problem_.clear(); // it is what it is to be, however that came about
    });
  });
}

void DutyKeeper::act_on(const role::View& view) {
  const auto& row = role::decide(view);
  agent_.set_on_duty(row.id == "serve" || row.id == "follow");
  if (row_ != row.id) {
    row_ = row.id;
    agent_.log("decided: " + std::string(row.sentence));
  }
  for (const auto task : row.tasks)
    blocks(task) ? work(task) : perform(task);
}

void DutyKeeper::perform(role::Task task) {
  switch (task) {
  case role::Task::stop_writing:
    return stop_now();
  case role::Task::close_runbook:
    return runs_.close("the primary has changed");
  case role::Task::undo_runbook:
    return runs_.turn_back();
  case role::Task::finish_runbook:
    return runs_.go_on();
  default:
    return; // repeating and asking are the timer's, telling the operator is the status's
  }
}

void DutyKeeper::work(role::Task task) {
  if (working_) return;
  working_ = true;
  const auto primary = role_.role().kept.primary;
  const auto duty = duty_for(task == role::Task::become_primary ? role::Verdict::serve : role::Verdict::follow);
  agent_.in_background([this, task, duty, primary] {
    const auto done = task == role::Task::become_standby ? follow(primary) : serve();
    agent_.loop().post([this, duty, done] {
      working_ = false;
      worked(duty, done);
    });
  });
}

Result<void> DutyKeeper::serve() {
  return duties_->serve([this] { return role_.role().session.serving; });
}

void DutyKeeper::worked(const std::string& duty, const Result<void>& result) {
  const auto problem = result ? std::string() : describe(result.error());
  if (problem != duty_problem_ && !problem.empty()) agent_.log("taking up the duty \"" + duty + "\": " + problem);
  duty_problem_ = problem;
  if (!result) return; // the next tick tries again
  if (duty_ != duty && !duty.empty()) agent_.log("duty: " + duty);
  duty_ = duty;
  if (again_) think();
}

// The protocol says that this server may not write any more: nothing is asked first.
void DutyKeeper::stop_now() {
  duty_.clear();
  agent_.set_on_duty(false);
  const auto tell = [this](const Result<void>& done) {
    if (!done) agent_.log("stopping: " + describe(done.error()));
  };
  tell(turn_visitors_away(agent_));
  agent_.in_background([this, tell] {
    const auto stopped = duties_->stop_writing();
    agent_.loop().post([tell, stopped] { tell(stopped); });
  });
}

Json DutyKeeper::status() const {
  auto status = role_.status();
  status["duty"] = duty_;
  if (!duty_problem_.empty()) status["duty_problem"] = duty_problem_;
  if (auto run = runs_.status(); !run.is_null()) status["run"] = std::move(run);
  return status;
}

} // namespace tandem::agent
