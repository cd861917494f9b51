#include "agent/replication_binding.hpp"

#include "agent/events.hpp"
#include "agent/file_streams.hpp"
#include "agent/files_verify.hpp"
#include "agent/operations/replication.hpp"
#include "agent/operations/sites_status.hpp"
#include "agent/reconcile_turns.hpp"
#include "agent/survey.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr peer::Duration look_for_turns = std::chrono::seconds(1);
constexpr std::chrono::seconds warm_again{5};

// Turns by itself on the loop, from the moment on that this server is a member.
class Periodic : public std::enable_shared_from_this<Periodic> {
public:
  explicit Periodic(std::shared_ptr<FilesLedger> ledger) : ledger_(std::move(ledger)) {}

  void wait(Agent& agent) {
    timer_ = agent.loop().after(look_for_turns, [weak = weak_from_this(), &agent] {
      const auto self = weak.lock();
      if (!self) return;
      self->look(agent);
      self->wait(agent);
    });
  }

private:
  // A runbook compares the files itself, and its last pass must not find them taken.
  void look(Agent& agent) {
    const auto now = std::chrono::steady_clock::now();
    const auto state = agent.state();
    if (!state.pair || state.standing.primary.empty() || state.standing.primary != state.server) {
      turns_ = ReconcileTurns(now);
      cold_.clear();
      return;
    }
    if (!agent.runbook().empty()) {
      standby_modes_.clear(); // it may have warmed what was to rest
      return;
    }
    mind_the_mode(state);
    warm_the_cold(agent, *state.pair, now);
    ReconcileTurns::Wanted wanted{.broken = ledger_->broke_off(), .asked = ledger_->asked()};
    const auto known = ledger_->entries();
    std::vector<std::string> connected;
    for (const auto& peer : state.peers) {
      if (!peer.connected) continue;
      connected.push_back(peer.name);
      if (!known.contains(peer.name)) wanted.asked.insert(peer.name); // since this agent started nobody has looked
    }
    auto due = turns_.take(now, state.pair->files.reconcile, connected, wanted);
    if (due.empty()) return;
    agent.in_background([self = shared_from_this(), &agent, state, due = std::move(due)] {
      self->reconcile_all(agent, *state.pair, due);
    });
  }

  void reconcile_all(Agent& agent, const model::Pair& pair, const std::vector<std::string>& servers) {
    auto& ledger = *ledger_;
    const auto held = ledger.begin();
    if (!held) return; // somebody's own is under way
    const auto log = [&agent](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
    for (const auto& server : servers) {
      const auto tell = [&](const std::string& line) { log(fmt::format("files on {}: {}", server, line)); };
      const auto done = reconcile_server(agent, pair, server, {.may_be_later = true}, ledger, tell);
      if (!done) log(fmt::format("files on {}: {}", server, describe(done.error())));
      if (done && done->sent + done->changed > 0)
        agent.loop().post([self = shared_from_this(), server] { self->cold_[server] = {}; });
    }
  }

  // What a standby is to run has changed.
  void mind_the_mode(const Snapshot& state) {
    const auto mode = state.pair->role.standby;
    for (const auto& peer : state.peers) {
      if (!peer.connected)
        standby_modes_.erase(peer.name); // it may miss a change, and is asked when it is back
      else if (const auto known = standby_modes_.find(peer.name);
               known == standby_modes_.end() || known->second != mode) {
        standby_modes_[peer.name] = mode;
        cold_[peer.name] = {};
      }
    }
  }

  // Servers on which a release that came with the files does not run yet. One that has just joined has the files before
  // it has uWSGI and the site's owner: it is asked again until it is well.
  void warm_the_cold(Agent& agent, const model::Pair& pair, std::chrono::steady_clock::time_point now) {
    for (auto& [server, cold] : cold_) {
      if (cold.asked || now < cold.next) continue;
      cold.asked = true;
      agent.in_background([self = shared_from_this(), &agent, pair, server = server] {
        const auto problem = keep_releases_warm(agent, pair, server);
        agent.loop().post([self, &agent, server, problem] { self->warmed(agent, server, problem); });
      });
    }
  }

  void warmed(Agent& agent, const std::string& server, const std::string& problem) {
    auto& cold = cold_[server];
    if (problem.empty()) {
      cold_.erase(server);
      return;
    }
    if (problem != cold.problem) agent.log(problem);
    cold = {.next = std::chrono::steady_clock::now() + warm_again, .problem = problem};
  }

  // A release may have come with the files: one that was deployed while that server was away.
  static std::string keep_releases_warm(Agent& agent, const model::Pair& pair, const std::string& server) {
    std::string problems;
    for (const auto& site : pair.sites)
      if (const auto warm = ask_server(agent, server, "release.live", {{"site", site.domain}},
                                       {.time_limit = std::chrono::minutes(5)});
          !warm)
        problems +=
            fmt::format("{}{} on {}: {}", problems.empty() ? "" : "; ", site.domain, server, describe(warm.error()));
    return problems;
  }

  struct Cold {
    bool asked = false; // and not answered yet
    std::chrono::steady_clock::time_point next = {};
    std::string problem = {}; // what it said last
  };

  std::map<std::string, Cold> cold_;                        // on the loop
  std::map<std::string, model::StandbyMode> standby_modes_; // that each was asked to take up
  std::shared_ptr<FilesLedger> ledger_;
  ReconcileTurns turns_{std::chrono::steady_clock::now()};
  peer::Timer timer_;
};

} // namespace

void bind_replication(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<FilesLedger> ledger) {
  const auto periodic = std::make_shared<Periodic>(ledger);
  const auto streams = std::make_shared<FileStreams>(ledger);
  // Not the other way round: the streams know the ledger.
  ledger->hold_stream = [weak = std::weak_ptr(streams)](const std::string& server) -> Result<std::shared_ptr<void>> {
    const auto known = weak.lock();
    return known ? known->hold(server) : nullptr;
  };
  ledger->is_streamed = [weak = std::weak_ptr(streams)](const std::string& server) {
    const auto known = weak.lock();
    const auto stream = known ? known->live(server) : nullptr;
    return stream && stream->state().live;
  };
  ledger->send_by_stream = [weak = std::weak_ptr(streams)](const std::string& server,
                                                           const std::vector<replication::Census::Difference>& found,
                                                           bool may_be_later) -> Result<FilesLedger::Sends> {
    const auto known = weak.lock();
    return known ? known->send(server, found, may_be_later) : fail(ErrorKind::unavailable, "the agent is ending");
  };
  for (auto& operation : {database_copy_operation(), database_prepare_operation(), files_reconcile_operation(ledger),
                          files_settle_operation(), files_complete_operation(), files_flush_operation(streams),
                          files_verify_operation(streams), events_operation(), server_events_operation()})
    operations.push_back(operation);
  settings.streams["files"] = {.command = accept_files, .not_beside = "live-files"};
  settings.streams["compare-files"] = {.command = accept_census, .not_beside = "live-files"};
  settings.streams["live-files"] = {.command = accept_file_stream, .alone = true};
  settings.status_parts.push_back(
      [ledger](const OperationContext& context, Json& status) { add_replication_status(context, status, *ledger); });
  settings.status_parts.emplace_back(add_sites_status);
  settings.status_parts.emplace_back(add_disk_status);
  settings.status_parts.emplace_back([](const OperationContext& context, Json& status) {
    const auto events = Events(context.ports().files, context.agent().settings().state_folder).list();
    if (!events)
      status["problems"].push_back("the list of events: " + events.error().message);
    else if (!events->empty())
      status["events"] = events->size();
  });
  settings.on_member = [before = settings.on_member, periodic, streams, ledger](Agent& agent) {
    if (before) before(agent);
    if (const auto kept = ledger->keep(agent.ports().files, agent.ports().clock,
                                       agent.settings().state_folder + "/files-stopped.json");
        !kept)
      agent.log("what the deletion guard had stopped is not known: " + describe(kept.error()));
    periodic->wait(agent);
    streams->start(agent);
  };
}

} // namespace tandem::agent
