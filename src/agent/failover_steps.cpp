#include "agent/failover_steps.hpp"

#include "agent/step_work.hpp"
#include "base/text.hpp"
#include "model/ports.hpp"
#include "role/failover.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using role::EventKind;

constexpr std::chrono::milliseconds answer_patience{700}; // for a server that is there
constexpr std::chrono::seconds status_patience{2};        // the same, for one that may be busy
constexpr std::chrono::seconds promise_patience{10};      // it stops PostgreSQL first
constexpr std::chrono::milliseconds knock_patience{400};

constexpr std::uint16_t postgres_port = 5432;

// A server that has just lost its power is still taken for connected: so it is asked.
bool answers(Agent& agent, const Snapshot& now, const std::string& server) {
  const auto peer = std::ranges::find(now.peers, server, &peer::PeerState::name);
  if (peer == now.peers.end() || !peer->connected) return false;
  return ask_server(agent, server, "run.state", {{"id", ""}}, {.time_limit = answer_patience}).has_value();
}

// A server that is said to be off must not answer anywhere, its agent's port included: the knock is quicker than to ask
// an agent that may have lost its power a moment ago.
Result<void> check_off(Agent& agent, const Snapshot& now, const std::string& server) {
  const auto* known = now.pair->server(server);
  if (known == nullptr || agent.ports().reach == nullptr) return {};
  const auto open = agent.ports().reach->open_ports(known->peer_address,
                                                    {model::https_port, postgres_port, now.pair->port}, knock_patience);
  if (open.empty()) return {};
  return fail(ErrorKind::refused,
              fmt::format("{} is not off: it answers at {} port {}", server, known->peer_address, open.front()),
              "Switch it off at its power or its hosting company, then run the same command again; without --alone its "
              "agent is asked to stop");
}

role::Incarnation known_boot(const role::Session& session, const std::string& server) {
  const auto found = session.peers.find(server);
  return found == session.peers.end() ? 0 : found->second;
}

// One of those that are off and has been heard from since; "": none. On the loop.
std::string back_again(DutyKeeper& keeper) {
  for (const auto& [server, boot] : keeper.off.servers)
    if (known_boot(keeper.role().role().session, server) > boot) return server;
  return {};
}

class FailoverWork final : public StepWork {
public:
  using StepWork::StepWork;

  Result<void> run() { return run_phase(*this, table()); }

private:
  static const StepTable<FailoverWork>& table() {
    using S = FailoverWork;
    static const StepTable<FailoverWork> steps{
        {"fence", {.action = &S::fence, .check = &S::others_are_bound}},
        {"hold-visitors", {.action = &S::hold_visitors, .undo = &S::pass_on}},
        {"take-over", {.action = &S::take_over}},
        {"take", {.action = &S::take}},
        {"promote", {.action = &S::promote, .check = &S::takes_writes}},
        {"on-promote", {.action = &S::on_promote}},
        {"health", {.action = &S::wait_for_health}},
        {"open-gate", {.action = &S::serve_visitors}},
        {"switch-dns", {.action = &S::switch_dns}},
        {"start-work", {.action = &S::start_work}},
    };
    return steps;
  }

  struct Preparation {
    role::Outcome outcome;
    std::vector<std::string> missing; // may still serve
    role::Epoch epoch = 0;            // that would be taken
  };

  Preparation prepare(const role::Event& event) {
    Preparation now;
    agent_.on_loop([&] {
      auto& role = keeper_.role();
      now.outcome = role.take(event);
      now.missing = role::uncovered(role.members(), role.role(), event);
      now.epoch = role::failover_epoch(role.role(), event.at_least);
    });
    return now;
  }

  // The servers that answer promise; those that do not are switched off, where there is a command for it.
  Result<void> fence() {
    auto event = with_off(EventKind::prepare);
    for (const auto& server : others_in(*now_.pair, now_.server))
      if (!event.off.contains(server) && !answers(agent_, now_, server)) TANDEM_CHECK(switch_off(event, server, true));
    const auto patience = agent_.ports().clock.boot_time() + promise_patience;
    for (;;) {
      const auto now = prepare(event);
      if (now.epoch != call_.opening.epoch)
        return fail(ErrorKind::unavailable,
                    fmt::format("another server can promise only an epoch from {} on", now.epoch),
                    "Run the same command again: it takes that one");
      if (now.missing.empty()) return wait_until_stopped(event.off, patience);
      if (ended_()) return fail(ErrorKind::unavailable, "the step was given up");
      if (agent_.ports().clock.boot_time() >= patience)
        for (const auto& server : now.missing)
          TANDEM_CHECK(switch_off(event, server, false));
      system::pause_thread(milliseconds(20));
    }
  }

  // A promise is given before PostgreSQL has stopped there; two that write must not be, not for a moment.
  Result<void> wait_until_stopped(const std::set<std::string>& off, std::chrono::nanoseconds until) {
    for (const auto& server : others_in(*now_.pair, now_.server)) {
      while (!off.contains(server)) {
        const auto status =
            ask_server(agent_, server, "server.status", Json::object(), {.time_limit = status_patience});
        if (status && status->value("database", Json::object()).value("state", "") != "primary") break;
        if (agent_.ports().clock.boot_time() >= until || ended_())
          return fail(ErrorKind::refused, server + " has promised to stop, and its PostgreSQL has not",
                      fmt::format("Switch it off at its power or its hosting company, then: tandem failover --alone {}",
                                  server));
        system::pause_thread(milliseconds(20));
      }
    }
    return {};
  }

  // Why it could not promise anything, where it says so: a disk that takes nothing.
  std::string hindrance_of(const std::string& server) {
    const auto status = ask_server(agent_, server, "server.status", Json::object(), {.time_limit = status_patience});
    const auto problem = status ? status->value("role", Json::object()).value("problem", "") : std::string();
    return problem.empty() ? problem : ": " + problem;
  }

  Result<void> switch_off(role::Event& event, const std::string& server, bool silent) {
    auto arguments = now_.pair->role.fence;
    if (arguments.empty())
      return fail(
          ErrorKind::refused,
          silent ? server + " does not answer, and may still serve"
                 : server + " answers, but has not promised to stop" + hindrance_of(server),
          fmt::format("Switch it off at its power or its hosting company, then: tandem failover --alone {}", server));
    arguments.push_back(server);
    tell("switching " + server + " off: " + join(arguments, " "));
    const auto done =
        system::run_checked(agent_.ports().processes, {.arguments = arguments, .time_limit = waiting_time()});
    if (!done)
      return fail(ErrorKind::refused,
                  fmt::format("the command of [role] fence did not switch {} off: {}", server, done.error().message),
                  fmt::format("Switch it off by hand, then: tandem failover --alone {}", server));
    event.off.insert(server);
    agent_.on_loop([&] { note_off(keeper_, call_.opening.id, {server}); });
    return {};
  }

  // With those that the command has switched off. A restarted agent knows of none, and its run is turned back.
  role::Event with_off(EventKind kind) {
    auto event = role::failover_event(kind, call_.opening);
    agent_.on_loop([&] {
      if (keeper_.off.run != call_.opening.id) return;
      for (const auto& [server, boot] : keeper_.off.servers)
        event.off.insert(server);
    });
    return event;
  }

  Result<void> others_are_bound() {
    const auto event = with_off(EventKind::prepare);
    std::vector<std::string> missing;
    agent_.on_loop([&] { missing = role::uncovered(keeper_.role().members(), keeper_.role().role(), event); });
    if (missing.empty()) return {};
    return fail(ErrorKind::refused, join(missing, ", ") + " may still serve");
  }

  Result<void> hold_visitors() {
    return on_gate(agent_, [this](Gate& gate) -> Result<void> {
      if (ended_()) return fail(ErrorKind::unavailable, "the step was given up");
      return gate.close();
    });
  }

  Result<void> pass_on() {
    return on_gate(agent_, [this](Gate& gate) { return gate.open_to_peer(call_.opening.from); });
  }

  Result<void> take_over() {
    auto event = with_off(EventKind::failover);
    if (const auto wal = call_.opening.parameters.find("wal"); wal != call_.opening.parameters.end())
      event.note.wal = wal->second;
    Result<void> taken;
    agent_.on_loop([&] {
      auto& role = keeper_.role();
      const auto missing = role::uncovered(role.members(), role.role(), event);
      if (const auto back = back_again(keeper_); !back.empty())
        taken = fail(ErrorKind::refused, back + " is back: its agent answers");
      else if (role::failover_epoch(role.role(), event.at_least) != call_.opening.epoch)
        taken = fail(ErrorKind::refused, "the epoch is not the next one any more");
      else if (!missing.empty())
        taken = fail(ErrorKind::refused, join(missing, ", ") + " may still serve");
      else if (const auto outcome = role.take(event); outcome.refused)
        taken = fail(ErrorKind::refused, outcome.sentence);
    });
    return taken;
  }
};

// What the primary says of itself, for a person who wants to take its place.
struct PrimaryNow {
  bool answers = false;
  bool serves = false;
  std::string why_not; // it answers and does not serve
};

PrimaryNow ask_primary(Agent& agent, const Snapshot& now, const std::string& primary) {
  if (!answers(agent, now, primary)) return {};
  const auto status = ask_server(agent, primary, "server.status", Json::object(), {.time_limit = status_patience});
  if (!status) return {.answers = true, .why_not = status.error().message};
  const auto situation = status->value("role", Json::object()).value("situation", "");
  const auto database = status->value("database", Json::object()).value("state", "");
  if (situation == role::name_of(role::Situation::serving) && database == "primary")
    return {.answers = true, .serves = true};
  return {.answers = true, .why_not = situation != "serving" ? situation : "its PostgreSQL is " + database};
}

} // namespace

PerformStep failover_steps(Agent& agent, system::Applications& applications, std::shared_ptr<FilesLedger> files,
                           std::shared_ptr<QueueKeeper> queue, std::shared_ptr<NameKeeper> names,
                           std::function<DutyKeeper&()> keeper) {
  return [&agent, &applications, files = std::move(files), queue = std::move(queue), names = std::move(names),
          keeper = std::move(keeper)](const role::Call& call, const std::function<bool()>& ended) {
    return FailoverWork({agent, applications, *files, keeper(), *queue, *names}, call, ended).run();
  };
}

void note_off(DutyKeeper& keeper, const std::string& run, const std::set<std::string>& servers) {
  if (keeper.off.run != run) keeper.off = {.run = run, .servers = {}};
  for (const auto& server : servers)
    keeper.off.servers[server] = known_boot(keeper.role().role().session, server);
}

Result<void> check_failover(Agent& agent, const FailoverWish& wish, const role::Opening& opening) {
  const auto now = snapshot_of(agent);
  for (const auto& server : wish.alone) {
    if (now.pair->server(server) == nullptr || server == now.server)
      return fail(ErrorKind::invalid, fmt::format("--alone: {} is no other server of this pair", server),
                  "The others are: " + join(others_in(*now.pair, now.server), ", "));
    TANDEM_CHECK(check_off(agent, now, server));
  }
  const bool off = wish.alone.contains(opening.from);
  const auto primary = off ? PrimaryNow{} : ask_primary(agent, now, opening.from);
  if (primary.serves && !wish.stop_primary)
    return fail(
        ErrorKind::refused, fmt::format("{} answers and serves", opening.from),
        fmt::format("`tandem switchover` loses nothing; --stop-primary stops it without waiting for what {} lacks",
                    now.server));
  if (!now.pair->role.fence.empty()) return {};
  for (const auto& server : others_in(*now.pair, now.server))
    if (!wish.alone.contains(server) && !(server == opening.from ? primary.answers : answers(agent, now, server)))
      return fail(
          ErrorKind::refused, server + " does not answer, and may still serve",
          fmt::format("Switch it off at its power or its hosting company, then: tandem failover --alone {}", server));
  return {};
}

} // namespace tandem::agent
