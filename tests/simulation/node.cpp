#include "simulation/node.hpp"

#include "base/text.hpp"
#include "role/rules.hpp"
#include "simulation/world.hpp"

#include <fmt/format.h>

namespace tandem::testing {

using role::EventKind;
using role::Operation;
using role::Task;

namespace {

const std::string marker = "/primary_server";

} // namespace

Node::Node(Shared& shared, role::Members members)
    : shared_(shared), members_(std::move(members)), role_file_(disk, "/var/lib/tandem/role.json", "role", 1) {}

void Node::install(const std::string& primary) {
  (void)store(role::first_kept(1, primary, {1, primary, "tandem init", "", ""}));
  if (primary == name()) disk.files.contents[marker] = "";
}

const role::Role& Node::role() const {
  return agent_->keeping.role();
}

role::Situation Node::situation() const {
  return role::situation_of(members_, role());
}

role::ServerNow Node::server_now() const {
  const bool marked = disk.files.contents.contains(marker);
  using enum role::ServerNow;
  if (machine.postgres == Postgres::stopped) return stopped;
  if (machine.postgres == Postgres::primary) return marked && machine.gate == Gate::here ? primary : opening;
  const bool right = machine.follows == role().kept.primary && !marked && machine.gate == Gate::peer;
  return right ? standby : adrift;
}

bool Node::run_is_open() const {
  if (!agent_->log) return false;
  const auto& records = agent_->log->records();
  return std::ranges::find(records, role::RecordKind::closed, &role::Record::kind) == records.end();
}

bool Node::counts_on_absence_of(const std::string& server) const {
  if (!up() || !agent_->engine || !run_is_open()) return false;
  const auto& opening = *agent_->log->records().front().opening;
  return opening.runbook == role::failover().name && role().kept.epoch < opening.epoch &&
         role::failover_event(EventKind::failover, opening).off.contains(server);
}

std::string Node::state_line() const {
  if (!up()) return name() + (off() ? " is off" : " has no agent");
  return fmt::format(
      "{} {} epoch {} of {}, {}{}", name(), name_of(situation()), role().kept.epoch, role().kept.primary,
      name_of(server_now()),
      run_is_open() ? fmt::format(", the {} {} is open", runbook().name, agent_->log->records().front().opening->id)
                    : "");
}

void Node::later(Time delay, std::function<void()> work) {
  shared_.schedule.in(delay, [this, generation = generations_, work = std::move(work)] {
    if (!up() || generation != generations_) return;
    if (hangs()) return when_awake([this, work] { guarded(work); });
    guarded(work);
  });
}

bool Node::hangs() const {
  return shared_.schedule.now() < hung_until;
}

// What came meanwhile is done then, all at once.
void Node::when_awake(std::function<void()> work) {
  shared_.schedule.in(hung_until - shared_.schedule.now(), [this, generation = generations_, work = std::move(work)] {
    if (up() && generation == generations_) work();
  });
}

void Node::boot() {
  guarded([this] {
    machine.on = true;
    agent_ = std::make_unique<Agent>(
        Agent{.keeping = role::Keeping({.stop =
                                            [this] {
                                              machine.entitled = false;
                                              stop_writing();
                                            },
                                        .store = [this](const role::Kept& kept) { return store(kept); }},
                                       shared_.policy)});
    ++generations_;
    const auto content = role_file_.load();
    agent_->keeping.load(members_, *role::decode_kept((*content)->version, (*content)->content));
    start_agent();
  });
}

// A disk that takes nothing lets it not even start: all stays as it is, and the timer tries again.
void Node::start_agent() {
  role::Event event;
  event.kind = EventKind::boot;
  event.still_serving = machine.entitled;
  apply(event);
  if (!agent_->keeping.booted()) return;
  if (const auto id = role().kept.latest_run; !id.empty()) open_log(id);
  think();
}

void Node::power_cut() {
  say("loses its power");
  disk.power.never();
  disk.lose_power();
  hung_until = Time(0);
  agent_.reset();
  ++generations_;
  machine = {};
}

void Node::kill_agent() {
  say("its agent is killed");
  disk.power.never();
  hung_until = Time(0);
  agent_.reset();
  ++generations_;
}

void Node::tick() {
  guarded([this] {
    if (!agent_->keeping.booted()) return start_agent();
    role::Event event;
    event.kind = EventKind::repeat;
    apply(event);
    for (const auto& other : members_.others)
      send_records(other);
    if (run_is_open()) ask_coordinator();
    think();
  });
}

Result<void> Node::store(const role::Kept& kept) {
  if (disk.files.disk_full) return failed("no space left on device");
  if (takes_over_ && kept.epoch > role().kept.epoch) shared_.fails_over(kept.epoch, *this);
  if (up()) shared_.follows({kept.epoch, kept.primary}, {role().kept.epoch, role().kept.primary});
  return role_file_.store(encode(kept));
}

role::Outcome Node::apply(role::Event event) {
  event.note.time = std::to_string(shared_.schedule.now().count());
  takes_over_ = event.kind == EventKind::failover;
  auto out = agent_->keeping.take(event);
  reign_ = {role().kept.epoch, role().kept.primary};
  machine.entitled = role().session.serving || (machine.entitled && !agent_->keeping.booted());
  if (out.refused || event.kind == EventKind::failover || out.row->to != 0) say(out.sentence);
  shared_.saw(name(), out);
  for (const auto& message : out.messages)
    shared_.network.send(name(), message.to, [&node = shared_.node(message.to), message] { node.receive(message); });
  if (!out.actions.empty()) later(Time(0), [this] { think(); });
  return out;
}

void Node::receive(const role::Message& message) {
  if (!up()) return;
  if (hangs()) return when_awake([this, message] { receive(message); });
  guarded([&] { apply(role::event_of(message)); });
}

void Node::think() {
  if (!agent_->keeping.booted()) return;
  const auto& kept = role().kept;
  role::View view;
  view.verdict = role::OperatorAuthority().verdict(members_, role());
  view.server = server_now();
  if (agent_->log) {
    const auto progress = role::progress_of(agent_->log->records());
    if (!progress) throw Violated{describe(progress.error())};
    view.runbook =
        role::runbook_now(*progress, role::standing_of(kept, progress->opening), name(), agent_->engine != nullptr);
  }
  const auto& row = role::decide(view);
  if (row.tasks.empty()) return;
  for (const auto task : row.tasks)
    perform(task);
}

void Node::perform(Task task) {
  disk.power.point();
  switch (task) {
  case Task::stop_writing:
    return stop_writing();
  case Task::close_runbook:
    start_engine(runbook());
    agent_->engine->overtake("the primary has changed");
    end_run();
    return later(Time(1), [this] { think(); });
  case Task::undo_runbook:
    start_engine(runbook());
    agent_->engine->resume("the agent started again");
    return drive();
  case Task::finish_runbook:
    start_engine(runbook());
    return drive();
  case Task::become_primary:
    return become_primary();
  case Task::become_standby:
    return become_standby();
  case Task::repeat_grant: // the timer does these
  case Task::ask_others:
  case Task::ask_operator:
    return;
  }
}

void Node::stop_writing() {
  if (machine.postgres == Postgres::primary) machine.postgres = Postgres::stopped;
  if (machine.gate == Gate::here) set_gate(Gate::closed);
}

void Node::become_primary() {
  say("becomes primary");
  if (!disk.files.contents.contains(marker)) (void)disk.write(marker, "", 0644, {});
  disk.power.point();
  machine.postgres = Postgres::primary;
  disk.power.point();
  machine.applications = true;
  set_gate(Gate::here);
}

void Node::become_standby() {
  const auto primary = linked_peer(role().kept.primary);
  if (!primary || !(*primary)->writes()) return; // tried again at the next tick
  say([&] { return "follows " + role().kept.primary; });
  (void)disk.remove(marker);
  rows = (*primary)->rows; // what it had beyond is kept aside as diverged
  disk.power.point();
  machine.postgres = Postgres::standby;
  machine.follows = role().kept.primary;
  machine.applications = true;
  set_gate(Gate::peer);
}

bool Node::send_files(Node& to, const std::vector<int>& sent, Time begun) const {
  if (to.reign_.second != name() && !shared_.accept_all_files) return false;
  to.files = sent;
  to.files_to = begun;
  return true;
}

void Node::set_gate(Gate gate) {
  const auto now = shared_.schedule.now();
  if (gate == Gate::closed && machine.gate != Gate::closed) machine.held_since = now;
  if (gate != Gate::closed && machine.held_since) {
    const auto held = now - *std::exchange(machine.held_since, std::nullopt);
    shared_.longest_hold = std::max(shared_.longest_hold, held);
    if (held > shared_.hold_limit) ++shared_.turned_away;
  }
  machine.gate = gate;
}

std::string Node::abort_run() {
  if (!up() || hangs() || !agent_->engine) return "no run is at work here";
  std::string told;
  guarded([&] {
    if (const auto aborted = agent_->engine->abort("the operator aborted it"); !aborted)
      told = describe(aborted.error());
  });
  return told;
}

std::string Node::command(EventKind kind, const std::set<std::string>& off) {
  std::string told = "its agent does not answer";
  if (!up() || hangs()) return told;
  guarded([&] {
    role::Event event;
    event.kind = kind;
    event.off = off;
    event.note.reason = "the operator";
    told = apply(event).sentence;
  });
  return told;
}

} // namespace tandem::testing
