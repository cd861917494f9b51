// Runs of runbooks on a simulated server: its engine, and the copies of the records that the servers give each other.
#include "base/text.hpp"
#include "role/rules.hpp"
#include "simulation/world.hpp"

#include <fmt/format.h>

namespace tandem::testing {

using role::Operation;

namespace {

std::string run_path(const std::string& id) {
  return "/var/lib/tandem/runs/" + id;
}

std::string listed(const std::set<std::string>& servers) {
  return join(std::vector(servers.begin(), servers.end()), " ");
}

} // namespace

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

void Node::start_engine(const role::Runbook& runbook) {
  role::EnginePorts ports{*agent_->log, *this, [this]() -> const role::Kept& { return role().kept; },
                          [this] { return std::chrono::nanoseconds(shared_.schedule.now()); },
                          [this] { return std::to_string(shared_.schedule.now().count()); }};
  agent_->engine = std::make_unique<role::Engine>(runbook, name(), std::move(ports));
}

std::string Node::begin_switchover(const std::string& to, int hold_seconds) {
  if (!up() || hangs() || run_is_open() || situation() != role::Situation::serving) return "it cannot begin";
  guarded([&] {
    say([&] { return "switchover to " + to; });
    begin_run({.runbook = "switchover",
               .from = name(),
               .to = to,
               .leader = name(),
               .epoch = next_epoch(role().kept),
               .parameters = {{"hold", std::to_string(hold_seconds)}, {"drain", "10"}}});
  });
  return {};
}

std::string Node::begin_failover(const std::set<std::string>& off, bool insist) {
  if (!up() || hangs() || agent_->engine || situation() == role::Situation::serving) return "it cannot begin";
  guarded([&] {
    say([&] { return fmt::format("failover, off: \"{}\", epoch {}", listed(off), failover_epoch(role(), 0)); });
    role::Epoch at_least = 0;
    if (agent_->log) at_least = failover_floor(*role::progress_of(agent_->log->records()), name());
    if (run_is_open()) {
      start_engine(runbook());
      agent_->engine->overtake("a failover");
    }
    const auto& primary = role().kept.primary;
    role::Opening opening{.runbook = "failover",
                          .from = primary == name() ? members_.others.front() : primary,
                          .to = name(),
                          .leader = name(),
                          .epoch = failover_epoch(role(), at_least),
                          .parameters = {{"hold", "20"}, {"off", listed(off)}}};
    if (insist) opening.parameters["insist"] = "yes";
    begin_run(std::move(opening));
  });
  return {};
}

void Node::begin_run(role::Opening opening) {
  opening.id = fmt::format("{}-{}-{}", opening.epoch, name(), shared_.schedule.now().count());
  const auto begun = replace_log(opening.id, [&] {
    start_engine(*role::find_runbook(opening.runbook));
    return agent_->engine->open(opening);
  });
  if (begun) drive();
}

// After the first record is stored the run counts: until then the one before it is the one whose end has to reach the
// others.
bool Node::replace_log(const std::string& id, const std::function<Result<void>()>& write_first) {
  auto former = std::move(agent_->log);
  auto journal = journal::Journal::open(disk, run_path(id));
  agent_->log = std::make_unique<role::Log>(*role::Log::open(std::move(*journal), name()));
  agent_->confirmed.clear();
  if (write_first() && agent_->keeping.remember_run(id)) return true;
  agent_->engine.reset();
  agent_->log = std::move(former);
  return false;
}

// The engine's side: calls under way, and the copies of its records.

void Node::drive() {
  if (!agent_->engine || agent_->call) return;
  const auto operation = agent_->engine->next();
  if (operation.kind == Operation::Kind::perform) return start_call(operation.call);
  if (operation.kind == Operation::Kind::wait) return later(Time(50), [this] { drive(); });
  say([&] { return "the run has ended: " + operation.message; });
  end_run();
  think();
}

void Node::end_run() {
  agent_->engine.reset();
  agent_->call.reset();
  apply({.kind = EventKind::give_up});
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
  if (hangs()) return when_awake([this, from, number, call] { receive_call(from, number, call); });
  guarded([&] {
    const auto allowed = permitted(call, from, role().kept);
    const auto result = allowed ? carry_out(call) : allowed;
    shared_.network.send(name(), from,
                         [number, result, &node = shared_.node(from)] { node.receive_result(number, result); });
  });
}

void Node::receive_result(std::uint64_t number, const Result<void>& result) {
  if (up() && hangs()) return when_awake([this, number, result] { receive_result(number, result); });
  if (up() && number % 1000 == generations_ % 1000) guarded([&] { finish_call(number, result); });
}

void Node::offer(const role::Opening&, const role::Record&) {
  for (const auto& other : members_.others)
    send_records(other);
}

// All that the other is not known to have, in one message: messages overtake each other.
void Node::send_records(const std::string& to) {
  if (!agent_->log) return;
  auto records = std::make_shared<const std::vector<role::Record>>(
      role::offered(*agent_->log, role().kept, agent_->confirmed[to]));
  if (records->empty()) return;
  shared_.network.send(name(), to, [this, records = std::move(records), &node = shared_.node(to)] {
    node.receive_records(name(), *records);
  });
}

std::uint64_t Node::confirmed(const role::Opening&, const std::string& server) {
  return agent_->confirmed[server];
}

void Node::ask_coordinator() {
  const auto& opening = *agent_->log->records().front().opening;
  const auto& to = role::coordinator_of(opening, role::standing_of(role().kept, opening));
  if (to == name()) return;
  shared_.network.send(name(), to,
                       [from = name(), id = opening.id, &node = shared_.node(to)] { node.receive_question(from, id); });
}

void Node::receive_question(const std::string& from, const std::string& id) {
  if (!up()) return;
  if (hangs()) return when_awake([this, from, id] { receive_question(from, id); });
  std::optional<role::Progress> latest;
  if (agent_->log) latest = *role::progress_of(agent_->log->records());
  const auto ending = role::ending_of(latest ? &*latest : nullptr, id);
  shared_.network.send(name(), from,
                       [me = name(), id, ending, &node = shared_.node(from)] { node.receive_state(me, id, ending); });
}

void Node::receive_state(const std::string& from, const std::string& id, role::Ending ending) {
  if (up() && hangs()) return when_awake([this, from, id, ending] { receive_state(from, id, ending); });
  if (!up() || ending == role::Ending::none || !run_is_open()) return;
  if (agent_->log->records().front().opening->id != id) return;
  guarded([&] {
    start_engine(runbook());
    agent_->engine->close(ending, from + " has ended it");
    end_run();
    think();
  });
}

bool Node::take_up_run(const std::string& from, const role::Record& first) {
  const auto& opening = *first.opening;
  if (agent_->log && agent_->log->records().front().opening->id == opening.id) return true;
  std::optional<role::Progress> present;
  if (agent_->log) present = *role::progress_of(agent_->log->records());
  if (!takes_up(opening, from, present ? &*present : nullptr, role().kept, name())) return false;
  agent_->engine.reset();
  agent_->call.reset();
  return replace_log(opening.id, [&] { return agent_->log->accept(first); });
}

void Node::receive_records(const std::string& from, const std::vector<role::Record>& records) {
  if (!up()) return;
  if (hangs()) return when_awake([this, from, records] { receive_records(from, records); });
  guarded([&] {
    if (!agent_->keeping.booted() || !take_up_run(from, records.front())) return;
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
  if (up() && hangs()) return when_awake([this, from, id, count] { receive_confirmation(from, id, count); });
  if (!up() || !agent_->log) return;
  auto& confirmed = agent_->confirmed[from];
  const bool other = agent_->log->records().front().opening->id != id; // it took up a run that came late
  confirmed = other ? 0 : std::max(confirmed, count);
}

} // namespace tandem::testing
