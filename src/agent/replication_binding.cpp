#include "agent/replication_binding.hpp"

#include "agent/operations/replication.hpp"

namespace tandem::agent {

namespace {

// One that broke off is not left alone for an hour.
constexpr peer::Duration try_again = std::chrono::seconds(20);

// Turns by itself on the loop, from the moment on that this server is a member.
class Periodic : public std::enable_shared_from_this<Periodic> {
public:
  explicit Periodic(std::shared_ptr<FilesLedger> ledger) : ledger_(std::move(ledger)) {}

  // Also when tandem.toml has changed: the interval counts from the latest turn, whatever it was then.
  void wait(Agent& agent) {
    const auto pair = agent.state().pair;
    const peer::Duration interval = pair ? pair->files.reconcile : std::chrono::seconds(60);
    const auto past = std::chrono::duration_cast<peer::Duration>(std::chrono::steady_clock::now() - latest_);
    const auto left = std::max(peer::Duration{0}, interval - past);
    timer_ = agent.loop().after(std::min(left, try_again), [weak = weak_from_this(), &agent, due = left <= try_again] {
      const auto self = weak.lock();
      if (!self) return;
      if (due || self->ledger_->broke_off()) return self->turn(agent);
      self->wait(agent);
    });
  }

private:
  void turn(Agent& agent) {
    latest_ = std::chrono::steady_clock::now();
    const auto state = agent.state();
    if (state.pair && !state.standing.primary.empty() && state.standing.primary == state.server)
      agent.in_background([ledger = ledger_, &agent, state] { reconcile_all(agent, state, *ledger); });
    wait(agent);
  }

  static void reconcile_all(Agent& agent, const Snapshot& state, FilesLedger& ledger) {
    const auto held = ledger.begin();
    if (!held) return; // somebody's own is under way
    const auto log = [&agent](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
    for (const auto& peer : state.peers) {
      if (!peer.connected) continue;
      const auto done = reconcile_server(agent, *state.pair, peer.name, false, ledger, log);
      if (!done) log(fmt::format("files on {}: {}", peer.name, describe(done.error())));
    }
  }

  std::shared_ptr<FilesLedger> ledger_;
  std::chrono::steady_clock::time_point latest_ = std::chrono::steady_clock::now();
  peer::Timer timer_;
};

} // namespace

void bind_replication(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<FilesLedger> ledger) {
  const auto periodic = std::make_shared<Periodic>(ledger);
  for (auto& operation : {database_copy_operation(), database_prepare_operation(), files_reconcile_operation(ledger),
                          files_settle_operation()})
    operations.push_back(operation);
  settings.streams["files"] = accept_files;
  settings.status_parts.push_back(
      [ledger](const OperationContext& context, Json& status) { add_replication_status(context, status, *ledger); });
  settings.on_member = [before = settings.on_member, periodic](Agent& agent) {
    if (before) before(agent);
    periodic->wait(agent);
  };
  settings.on_configuration = [periodic](Agent& agent) { periodic->wait(agent); };
}

} // namespace tandem::agent
