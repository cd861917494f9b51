#include "simulation/node.hpp"

#include "role/rules.hpp"
#include "simulation/world.hpp"

#include <fmt/format.h>

namespace tandem::testing {

using role::EventKind;
using role::Operation;
using role::Task;

namespace {

std::string run_path(const std::string& id) {
  return "/var/lib/tandem/runs/" + id;
}

const std::string marker = "/primary_server";

} // namespace

Node::Node(Shared& shared, role::Members members)
    : shared_(shared), members_(std::move(members)), role_file_(disk, "/var/lib/tandem/role.json", "role", 1) {}

void Node::install(const std::string& primary) {
  store(role::first_kept(1, primary, {1, primary, "tandem init", "", ""}));
  if (primary == name()) disk.files.contents[marker] = "";
}

void Node::say(const std::string& what) const {
  shared_.say(name(), what);
}

const role::Role& Node::role() const {
  return agent_->role;
}

role::Situation Node::situation() const {
  return role::situation_of(members_, agent_->role);
}

role::ServerNow Node::server_now() const {
  const bool marked = disk.files.contents.contains(marker);
  using enum role::ServerNow;
  if (machine.postgres == Postgres::stopped) return stopped;
  if (machine.postgres == Postgres::primary) return marked && machine.gate == Gate::here ? primary : opening;
  const bool right = machine.follows == agent_->role.kept.primary && !marked && machine.gate == Gate::peer;
  return right ? standby : adrift;
}

bool Node::run_is_open() const {
  if (!agent_->log) return false;
  const auto progress = role::progress_of(role::switchover(), agent_->log->records());
  return progress && progress->is_open();
}

std::string Node::state_line() const {
  if (!up()) return name() + (off() ? " is off" : " has no agent");
  return fmt::format("{} {} epoch {} of {}, {}{}", name(), name_of(situation()), role().kept.epoch, role().kept.primary,
                     name_of(server_now()), run_is_open() ? ", a run is open" : "");
}

void Node::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const PowerCut&) {
    kill_only_agent ? kill_agent() : power_cut();
  }
}

void Node::later(Time delay, std::function<void()> work) {
  shared_.schedule.in(delay, [this, generation = generations_, work = std::move(work)] {
    if (up() && generation == generations_) guarded(work);
  });
}

void Node::boot() {
  guarded([this] {
    machine.on = true;
    agent_ = std::make_unique<Agent>();
    ++generations_;
    const auto content = role_file_.load();
    agent_->role.kept = *role::decode_kept((*content)->version, (*content)->content);
    const auto id = agent_->role.kept.latest_run;
    if (!id.empty()) open_log(id);
    role::Event event;
    event.kind = EventKind::boot;
    event.still_serving = machine.entitled;
    apply(event);
    think();
  });
}

void Node::power_cut() {
  say("loses its power");
  disk.power.never();
  disk.lose_power();
  agent_.reset();
  ++generations_;
  machine = {};
}

void Node::kill_agent() {
  say("its agent is killed");
  disk.power.never();
  agent_.reset();
  ++generations_;
}

void Node::tick() {
  guarded([this] {
    role::Event event;
    event.kind = EventKind::repeat;
    apply(event);
    for (const auto& other : members_.others)
      send_records(other);
    think();
  });
}

void Node::store(const role::Kept& kept) {
  if (auto stored = role_file_.store(encode(kept)); !stored) throw Violated{describe(stored.error())};
}

role::Outcome Node::apply(role::Event event) {
  event.note.time = std::to_string(shared_.schedule.now().count());
  auto out = role::transition(members_, agent_->role, event, shared_.policy);
  // Whatever takes the right to write away comes before the store, whatever gives it after.
  if (!out.role.session.serving) machine.entitled = false;
  for (const auto action : out.actions)
    if (action == role::Action::stop) stop_writing();
  if (out.row->id == "failover.taken") shared_.fails_over(out.role.kept.epoch);
  if (out.store) store(out.role.kept);
  agent_->role = out.role;
  if (out.role.session.serving) machine.entitled = true;
  if (out.row->to != 0 || out.refused || event.kind == EventKind::failover) say(out.sentence);
  shared_.saw(name(), out);
  for (const auto& message : out.messages)
    shared_.network.send(name(), message.to, [&node = shared_.node(message.to), message] { node.receive(message); });
  if (!out.actions.empty()) later(Time(0), [this] { think(); });
  return out;
}

void Node::receive(const role::Message& message) {
  if (!up()) return;
  guarded([&] { apply(role::event_of(message)); });
}

void Node::open_log(const std::string& id) {
  auto journal = journal::Journal::open(disk, run_path(id));
  if (!journal) throw Violated{describe(journal.error())};
  auto log = role::Log::open(std::move(*journal), name());
  if (!log) throw Violated{describe(log.error())};
  agent_->engine.reset();
  agent_->call.reset();
  agent_->confirmed.clear();
  agent_->log = std::make_unique<role::Log>(std::move(*log));
  if (agent_->log->records().empty()) agent_->log.reset(); // the power went before its first record
}

// After the run's first record is stored: until then the run before it is the one whose end has to reach the others.
void Node::remember_run(const std::string& id) {
  agent_->role.kept.latest_run = id;
  store(agent_->role.kept);
}

void Node::start_engine() {
  role::EnginePorts ports{*agent_->log, *this, [this]() -> const role::Kept& { return agent_->role.kept; },
                          [this] { return std::chrono::nanoseconds(shared_.schedule.now()); },
                          [this] { return std::to_string(shared_.schedule.now().count()); }};
  agent_->engine = std::make_unique<role::Engine>(role::switchover(), name(), std::move(ports));
}

void Node::think() {
  const auto& kept = agent_->role.kept;
  role::View view;
  view.verdict = role::OperatorAuthority().verdict(members_, agent_->role);
  view.server = server_now();
  if (agent_->log) {
    const auto progress = role::progress_of(role::switchover(), agent_->log->records());
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
    start_engine();
    agent_->engine->overtake("the primary has changed");
    agent_->engine.reset();
    return later(Time(1), [this] { think(); });
  case Task::undo_runbook:
    start_engine();
    agent_->engine->resume("the agent started again");
    return drive();
  case Task::finish_runbook:
    start_engine();
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
  const auto primary = linked_peer(agent_->role.kept.primary);
  if (!primary || !(*primary)->writes()) return; // tried again at the next tick
  say("follows " + agent_->role.kept.primary);
  (void)disk.remove(marker);
  rows = (*primary)->rows; // what it had beyond is kept aside as diverged
  disk.power.point();
  machine.postgres = Postgres::standby;
  machine.follows = agent_->role.kept.primary;
  machine.applications = true;
  set_gate(Gate::peer);
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

std::string Node::begin_switchover(const std::string& to, int hold_seconds) {
  if (!up() || run_is_open() || situation() != role::Situation::serving) return "it cannot begin";
  guarded([&] {
    role::Opening opening;
    opening.runbook = "switchover";
    opening.from = name();
    opening.to = to;
    opening.epoch = next_epoch(agent_->role.kept);
    opening.id = fmt::format("{}-{}-{}", opening.epoch, name(), shared_.schedule.now().count());
    opening.parameters = {{"hold", std::to_string(hold_seconds)}, {"drain", "10"}};
    say("switchover to " + to);
    auto journal = journal::Journal::open(disk, run_path(opening.id));
    agent_->log = std::make_unique<role::Log>(*role::Log::open(std::move(*journal), name()));
    agent_->confirmed.clear();
    start_engine();
    if (auto opened = agent_->engine->open(opening); !opened) throw Violated{describe(opened.error())};
    remember_run(opening.id);
    drive();
  });
  return {};
}

std::string Node::abort_run() {
  if (!up() || !agent_->engine) return "no run is at work here";
  std::string told;
  guarded([&] {
    if (const auto aborted = agent_->engine->abort("the operator aborted it"); !aborted)
      told = describe(aborted.error());
  });
  return told;
}

std::string Node::command(EventKind kind, const std::set<std::string>& off) {
  std::string told = "its agent does not answer";
  if (!up()) return told;
  guarded([&] {
    role::Event event;
    event.kind = kind;
    event.off = off;
    event.note.reason = "the operator";
    told = apply(event).sentence;
  });
  return told;
}

// The engine's side: calls under way, and the copies of its records.

void Node::drive() {
  if (!agent_->engine || agent_->call) return;
  const auto operation = agent_->engine->next();
  if (operation.kind == Operation::Kind::perform) return start_call(operation.call);
  if (operation.kind == Operation::Kind::wait) return later(Time(50), [this] { drive(); });
  say("the run has ended: " + operation.message);
  agent_->engine.reset();
  think();
}

void Node::start_call(const role::Call& call) {
  const auto number = ++calls_ * 1000 + generations_;
  agent_->call = number;
  if (call.server == name()) {
    const auto duration = Time(static_cast<std::int64_t>(1 + shared_.random.below(20)));
    return later(duration, [this, number, call] { finish_call(number, carry_out(call)); });
  }
  shared_.network.send(name(), call.server, [from = name(), number, call, &node = shared_.node(call.server)] {
    node.receive_call(from, number, call);
  });
  later(std::min<Time>(call.limit, Time(2000)),
        [this, number, call] { finish_call(number, fail(ErrorKind::unavailable, call.server + " does not answer")); });
}

void Node::finish_call(std::uint64_t number, const Result<void>& result) {
  if (!agent_->engine || agent_->call != number) return; // answered already, or too late
  agent_->call.reset();
  agent_->engine->complete(result);
  drive();
}

void Node::receive_call(const std::string& from, std::uint64_t number, const role::Call& call) {
  if (!up()) return;
  guarded([&] {
    const auto allowed = permitted(role::switchover(), call, from, agent_->role.kept);
    const auto result = allowed ? carry_out(call) : allowed;
    shared_.network.send(name(), from,
                         [number, result, &node = shared_.node(from)] { node.receive_result(number, result); });
  });
}

void Node::receive_result(std::uint64_t number, const Result<void>& result) {
  if (up() && number % 1000 == generations_ % 1000) guarded([&] { finish_call(number, result); });
}

void Node::offer(const role::Opening&, const role::Record&) {
  for (const auto& other : members_.others)
    send_records(other);
}

// All that the other is not known to have, in one message: messages overtake each other. Nothing of a run that this
// server would not know of after a power cut: nobody would ever close it over there.
void Node::send_records(const std::string& to) {
  if (!agent_->log || agent_->role.kept.latest_run != agent_->log->records().front().opening->id) return;
  auto records = agent_->log->above(name(), agent_->confirmed[to]);
  if (records.empty()) return;
  records.insert(records.begin(), agent_->log->records().front()); // tells which run it is
  shared_.network.send(name(), to,
                       [from = name(), records, &node = shared_.node(to)] { node.receive_records(from, records); });
}

std::uint64_t Node::confirmed(const role::Opening&, const std::string& server) {
  return agent_->confirmed[server];
}

bool Node::take_up_run(const std::string& from, const role::Record& first) {
  const auto& opening = *first.opening;
  if (agent_->log && agent_->log->records().front().opening->id == opening.id) return true;
  std::optional<role::Progress> present;
  if (agent_->log) present = *role::progress_of(role::switchover(), agent_->log->records());
  if (!takes_up(opening, from, present ? &*present : nullptr, agent_->role.kept, name())) return false;
  agent_->engine.reset();
  agent_->call.reset();
  auto journal = journal::Journal::open(disk, run_path(opening.id));
  agent_->log = std::make_unique<role::Log>(*role::Log::open(std::move(*journal), name()));
  agent_->confirmed.clear();
  if (auto accepted = agent_->log->accept(first); !accepted) throw Violated{describe(accepted.error())};
  remember_run(opening.id);
  return true;
}

void Node::receive_records(const std::string& from, const std::vector<role::Record>& records) {
  if (!up()) return;
  guarded([&] {
    if (!take_up_run(from, records.front())) return;
    const auto before = agent_->log->records().size();
    for (const auto& record : records)
      (void)agent_->log->accept(record);
    const auto id = records.front().opening->id;
    const auto count = agent_->log->count(from);
    shared_.network.send(name(), from, [&node = shared_.node(from), me = name(), id, count] {
      node.receive_confirmation(me, id, count);
    });
    if (agent_->log->records().size() > before) later(Time(0), [this] { think(); });
  });
}

void Node::receive_confirmation(const std::string& from, const std::string& id, std::uint64_t count) {
  if (!up() || !agent_->log) return;
  auto& confirmed = agent_->confirmed[from];
  const bool other = agent_->log->records().front().opening->id != id; // it took up a run that came late
  confirmed = other ? 0 : std::max(confirmed, count);
}

} // namespace tandem::testing
