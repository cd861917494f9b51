// One simulated server: the smallest agent there can be around the real protocol, decide(), engine, journal and
// state file. PostgreSQL, gate and marker are a few variables; what the steps do to them stands in deeds.cpp.
#pragma once
#include "journal/state_file.hpp"
#include "role/engine.hpp"
#include "role/failover.hpp"
#include "role/keeping.hpp"
#include "role/switchover.hpp"
#include "simulation/disk.hpp"
#include "simulation/network.hpp"

#include <memory>

namespace tandem::testing {

enum class Gate { closed, here, peer };
enum class Postgres { stopped, primary, standby };

struct Shared; // world.hpp

// What survives an agent's restart but no power cut.
struct Machine {
  bool on = false;
  Postgres postgres = Postgres::stopped;
  std::string follows;
  Gate gate = Gate::closed;
  bool applications = false;
  bool entitled = false; // a file in /run: this boot was serving
  std::optional<Time> held_since;
};

class Node final : public role::Replicas {
public:
  Node(Shared& shared, role::Members members);

  // The pair's first state, before the first boot. Survives everything: the disk and the database's rows.
  void install(const std::string& primary);
  Disk disk;
  std::vector<int> rows;
  std::vector<int> files;       // as the rows, but for when they come to the standby
  Time files_to{0};             // it has all files that the primary had then
  bool kill_only_agent = false; // what the disk's power does when it goes
  Time hung_until{0};           // its agent does nothing before then; PostgreSQL and the gate go on as they are

  Machine machine;

  [[nodiscard]] bool up() const { return agent_ != nullptr; } // its agent lives

  [[nodiscard]] bool hangs() const;

  // Nothing runs on it. A server whose agent alone was killed goes on serving.
  [[nodiscard]] bool off() const { return !machine.on; }

  [[nodiscard]] const std::string& name() const { return members_.self; }

  // The latest epoch that it knew, and its primary; whether or not its agent lives.
  [[nodiscard]] const std::pair<role::Epoch, std::string>& reign() const { return reign_; }

  [[nodiscard]] const role::Role& role() const;
  [[nodiscard]] role::Situation situation() const;

  [[nodiscard]] bool writes() const { return machine.postgres == Postgres::primary; }

  [[nodiscard]] role::ServerNow server_now() const;
  [[nodiscard]] bool run_is_open() const;
  // A failover of its own is on its way to its grant, for which the operator keeps that server switched off.
  [[nodiscard]] bool counts_on_absence_of(const std::string& server) const;
  [[nodiscard]] std::string state_line() const;

  void boot();       // also after a restart of the agent alone
  void power_cut();  // the whole machine
  void kill_agent(); // SIGKILL, it comes back by boot()
  void tick();       // the agent's timer

  // The operator. The text is what the operator is told.
  std::string begin_switchover(const std::string& to, int hold_seconds);
  // `off`: the operator's word, true until the run has ended.
  std::string begin_failover(const std::set<std::string>& off, bool insist);
  std::string abort_run();
  std::string command(role::EventKind kind, const std::set<std::string>& off);

  // Makes that server's files equal to those, as a comparison that this one began then does; false: it is not the
  // primary that the other knows.
  bool send_files(Node& to, const std::vector<int>& sent, Time begun) const;

  // From the network.
  void receive(const role::Message& message);
  void receive_records(const std::string& from, const std::vector<role::Record>& records);
  void receive_confirmation(const std::string& from, const std::string& id, std::uint64_t count);
  void receive_question(const std::string& from, const std::string& id);
  void receive_state(const std::string& from, const std::string& id, role::Ending ending);
  void receive_call(const std::string& from, std::uint64_t number, const role::Call& call);
  void receive_result(std::uint64_t number, const Result<void>& result);

  void offer(const role::Opening& opening, const role::Record& record) override;
  [[nodiscard]] std::uint64_t confirmed(const role::Opening& opening, const std::string& server) override;

private:
  struct Agent { // gone with the agent
    role::Keeping keeping;
    std::unique_ptr<role::Log> log; // of the latest run
    std::unique_ptr<role::Engine> engine;
    std::map<std::string, std::uint64_t> confirmed;
    std::optional<std::uint64_t> call; // under way
    std::uint64_t generation = 0;      // counts the agents of this server
  };

  // Runs `work` if this very agent still lives, and turns a PowerCut into one.
  template <class Work>
  void guarded(const Work& work);
  void later(Time delay, std::function<void()> work);
  void when_awake(std::function<void()> work);
  role::Outcome apply(role::Event event);
  Result<void> store(const role::Kept& kept);
  void start_agent();
  void open_log(const std::string& id);
  bool replace_log(const std::string& id, const std::function<Result<void>()>& write_first);
  void start_engine(const role::Runbook& runbook);

  [[nodiscard]] const role::Runbook& runbook() const {
    return *role::find_runbook(agent_->log->records().front().opening->runbook);
  }

  void begin_run(role::Opening opening);
  void end_run();
  void think();
  void perform(role::Task task);
  void become_primary();
  void become_standby();
  void stop_writing();
  void drive();
  void start_call(const role::Call& call);
  void finish_call(std::uint64_t number, const Result<void>& result);
  void send_records(const std::string& to);
  void ask_coordinator();
  bool take_up_run(const std::string& from, const role::Record& first);
  void set_gate(Gate gate);
  // A line of the history: the text, or what makes it. Nobody reads most of them.
  template <class What>
  void say(const What& what) const;

  Result<void> carry_out(const role::Call& call);
  Result<void> deed(const role::Call& call);
  Result<void> deed_of_failover(const role::Call& call);
  Result<void> undo_deed(const role::Call& call);
  [[nodiscard]] Result<Node*> linked_peer(const std::string& name);

  Shared& shared_;
  role::Members members_;
  journal::StateFile role_file_;
  std::unique_ptr<Agent> agent_;
  std::pair<role::Epoch, std::string> reign_;
  bool takes_over_ = false; // the event being taken is the grant of a failover
  std::uint64_t generations_ = 0;
  std::uint64_t calls_ = 0;
};

} // namespace tandem::testing
