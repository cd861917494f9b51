// The agent of one server: the loop's state, and how the rest reaches it. main builds one, run_agent turns it.
#pragma once
#include "agent/configuration.hpp"
#include "agent/gate.hpp"
#include "agent/locked_ports.hpp"
#include "agent/membership.hpp"
#include "agent/runner.hpp"
#include "agent/streams.hpp"
#include "agent/turns.hpp"
#include "system/machine.hpp"

#include <mutex>

namespace tandem::agent {

struct Settings {
  std::string state_folder = "/var/lib/tandem";
  std::string run_folder = "/run/tandem";
  std::string configuration_file = "/etc/tandem/tandem.toml";
  std::string version;
  system::MachineFacts machine;
  std::optional<int> gate_socket = {};      // inherited from systemd; not given: made in the run folder
  std::optional<peer::Address> listen = {}; // for peers; not given: all addresses, [pair].port
  peer::Timing timing = {};
  std::function<void(const std::string& line)> log = {};
  // ---- what other subjects bring along
  std::vector<StatusPart> status_parts = {};
  // By name: what another server may have started here and talk to.
  std::map<std::string, StreamProgram> streams = {};
  std::map<std::string, StreamPort> stream_ports = {};
  // Called at `init`, on its worker thread, before the server counts as a member: the first server's first state.
  std::function<Result<void>(OperationContext&, const Membership&)> found = {};
  // Called at `join` on a server of the pair, on a worker thread, before the one that joins is answered: takes it among
  // the pair's servers. What it returns reaches the joining server's be_admitted, before that counts as a member.
  std::function<Result<Json>(OperationContext&, const std::string& server)> admit = {};
  std::function<Result<void>(OperationContext&, const Membership&, const Json& admission)> be_admitted = {};
  // On the loop: the servers that take part in the pair's role, this one too. One that tandem.toml has no more stays
  // connected as long as it is among them.
  std::function<std::vector<std::string>(Agent&)> members = {};
  // Called on the loop, once the network of this member runs, and again at each start of the agent.
  std::function<void(Agent&)> on_member = {};
  // On the loop: another server's message told its standing; a server came or went.
  std::function<void(Agent&, const std::string& server, const peer::Standing&)> on_standing = {};
  std::function<void(Agent&, const std::string& server, bool connected)> on_peer = {};
};

class Agent {
public:
  Agent(peer::Loop& loop, const system::Ports& ports, Settings settings, std::vector<Operation> operations);
  ~Agent();

  // ---- on the loop
  // Listens for commands and, when this server is a member of a pair, for peers.
  Result<void> start();
  // Takes nothing new, asks operations to end, waits for them a while, then stops the loop.
  void stop();

  [[nodiscard]] bool idle() { return runner_.idle(); }

  [[nodiscard]] Snapshot state() const;
  // The pair's file has changed, or was read for the first time.
  void adopt(std::shared_ptr<const model::Pair> pair);
  // This server has become a member; its network starts.
  void become_member(Membership membership, std::shared_ptr<const model::Pair> pair);

  // Null before this server is a member.
  [[nodiscard]] peer::Network* network() { return network_.get(); }

  // What all messages to peers say from now on; kept durably by the role layer, which calls this after its fsync.
  void set_standing(peer::Standing standing);

  // Whether this server, as the primary, may write and be visited; kept by the role layer.
  void set_may_serve(bool may) { may_serve_ = may; }

  [[nodiscard]] bool may_serve() const { return may_serve_; }

  // The way back to hands has come to where the role asks for nothing here any more. On the loop.
  void set_given_back(bool given) { given_back_ = given; }

  [[nodiscard]] bool given_back() const { return given_back_; }

  // Whether this server is in full what its role asks for: it serves, or follows; kept by the role layer.
  void set_on_duty(bool on) { on_duty_ = on; }

  [[nodiscard]] bool on_duty() const { return on_duty_; }

  // What runbook is open, in words; empty: none. Operations that are to be apart from runbooks are refused meanwhile.
  void set_runbook(std::string runbook) { runbook_ = std::move(runbook); }

  [[nodiscard]] const std::string& runbook() const { return runbook_; }

  // The latest operation of that name failed so; "": it went well.
  void remember(const std::string& what, const std::string& failure) {
    failures_.erase(what);
    if (!failure.empty()) failures_[what] = failure;
  }

  [[nodiscard]] const std::map<std::string, std::string>& failures() const { return failures_; }

  // An operation under way that a runbook must not meet; empty: none.
  [[nodiscard]] std::string busy_with() const { return runner_.busy_with(); }

  // See Runner::ask_to_end.
  std::string ask_to_end(const std::string& lock) { return runner_.ask_to_end(lock); }

  // See Runner::begin_own.
  Result<void> begin_own(const std::string& operation);

  Result<void> begin_own(const std::string& operation, const Json& params) {
    return runner_.begin_own(operation, params);
  }

  [[nodiscard]] Gate& gate() { return gate_; }

  void log(const std::string& line) const;

  [[nodiscard]] std::size_t open_streams() const { return streams_.open(); }

  [[nodiscard]] Streams& streams() { return streams_; } // on the loop

  // A command's connection carries a stream now.
  void forget_command(const peer::ConnectionPtr& connection);

  [[nodiscard]] Json running() const;

  [[nodiscard]] std::uint16_t peers_port() const { return network_ ? network_->port() : 0; }

  // ---- any thread
  [[nodiscard]] peer::Loop& loop() { return loop_; }

  [[nodiscard]] system::Ports& ports() { return ports_; }

  // The services, for whoever may start them only as long as `allowed` says so.
  [[nodiscard]] AllowedServices services_while(std::function<Result<void>()> allowed) {
    return {services_, std::move(allowed)};
  }

  [[nodiscard]] const Settings& settings() const { return settings_; }

  [[nodiscard]] const std::string& boot_id() const { return boot_id_; }

  // How many applies or repairs are changing this server right now, as opposed to waiting for others.
  [[nodiscard]] int changing() const { return changing_; }

  // One of them, as long as it lives. Make it before looking whether the operation is to end.
  class Change {
  public:
    explicit Change(Agent& agent) : agent_(agent) { ++agent_.changing_; }

    ~Change() { --agent_.changing_; }

    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

  private:
    Agent& agent_;
  };

  // The agent stops: waiting should end early.
  [[nodiscard]] bool ending() const { return ending_; }

  [[nodiscard]] std::string identity_path(const std::string& file) const;

  // Of the applies that run here, and of the other servers' repairs where this one is the primary.
  [[nodiscard]] Turns& turns() { return turns_; }

  // Held by whoever starts, copies or configures this server's PostgreSQL. Stopping it needs no permission.
  [[nodiscard]] std::mutex& database_work() { return database_work_; }

  // The same for what visitors wait for: whoever only waits for PostgreSQL meanwhile lets go of it.
  [[nodiscard]] std::unique_lock<std::mutex> urgent_database_work() {
    ++database_wanted_;
    std::unique_lock lock(database_work_);
    --database_wanted_;
    return lock;
  }

  [[nodiscard]] bool database_wanted() const { return database_wanted_ > 0; }

  // Runs the function on a worker thread; it is waited for when the agent ends.
  void in_background(std::function<void()> work) { runner_.in_background(std::move(work)); }

  // Runs the function on the loop and waits; from worker threads, never on the loop itself.
  void on_loop(const std::function<void()>& work);

private:
  std::mutex database_work_;
  std::atomic<int> database_wanted_ = 0;
  Turns turns_;
  std::atomic<bool> ending_ = false;
  std::atomic<int> changing_ = 0;
  void set_pair(std::shared_ptr<const model::Pair> pair);
  void listen_for_peers();
  void listen_where_configured();
  void take_command(peer::ConnectionPtr connection);
  void finish_stopping();
  [[nodiscard]] peer::Hello hello() const;
  [[nodiscard]] std::vector<peer::Member> others();
  peer::Network::Hooks network_hooks();

  peer::Loop& loop_;
  LockedServices services_;
  LockedDatabases databases_;
  system::Ports ports_;
  const Settings settings_;
  std::string boot_id_;
  // ---- the loop's
  std::optional<Membership> membership_;
  std::shared_ptr<const model::Pair> pair_;
  std::vector<peer::Member> others_; // as the network knows them
  peer::Standing standing_;
  std::unique_ptr<peer::Listener> commands_;
  std::set<std::shared_ptr<peer::Session>> sessions_; // of commands
  std::unique_ptr<peer::Network> network_;
  Gate gate_;
  Streams streams_;
  std::string problem_;
  std::string runbook_;
  bool may_serve_ = false;
  bool on_duty_ = false;
  bool given_back_ = false;
  std::map<std::string, std::string> failures_;
  peer::Timer retry_;
  peer::Timer stopping_;
  std::chrono::steady_clock::time_point stop_limit_{};
  Runner runner_;
};

// Builds the loop and the agent and runs until SIGTERM or SIGINT. The exit status: 0 after a clean stop.
Result<void> run_agent(const system::Ports& ports, Settings settings, std::vector<Operation> operations);

} // namespace tandem::agent
