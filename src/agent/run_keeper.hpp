// Keeps the latest run of a runbook on this server: its journal, its engine where this server has one, and the copies
// of the records that go to the other servers and come from them. On the loop.
#pragma once
#include "agent/role_keeper.hpp"
#include "role/engine.hpp"

namespace tandem::agent {

// Does one phase of one step here; worker thread. `ended` says when its waiting is to end early.
using PerformStep = std::function<Result<void>(const role::Call& call, const std::function<bool()>& ended)>;

class RunKeeper final : public role::Replicas {
public:
  // `changed` is called when something may have to be decided anew.
  RunKeeper(Agent& agent, RoleKeeper& role, PerformStep perform, std::function<void()> changed);

  // Reads the journal of the run that the role state names as open.
  void start();

  // ---- for decide()
  [[nodiscard]] role::RunbookNow now() const;
  void turn_back(); // it was interrupted before its grant: undo it
  void go_on();     // it was granted to this server: finish it

  void close(const std::string& reason) { close(role::Ending::overtaken, reason); } // it has lost its meaning

  // ---- the operator's
  // Refused when one is open already, but for a failover that takes the place of one that another server carries out.
  // Nothing has changed when it fails.
  Result<void> begin(const role::Opening& opening);
  Result<void> abort(const std::string& reason);

  // The least epoch that a failover may take, by the latest run here.
  [[nodiscard]] role::Epoch failover_floor() const;

  // A run that has not ended, with its journal; the latest one that has; null before the first one of this agent.
  [[nodiscard]] const role::Log* log() const { return log_ ? &*log_ : nullptr; }

  [[nodiscard]] bool is_open() const;
  // Whether the latest run is to make that server the primary.
  [[nodiscard]] bool leads_to(const std::string& server) const;
  [[nodiscard]] role::Ending ending_of(const std::string& id) const; // for the servers that have a copy of it
  // {"runbook", "from", "to", "epoch", "open", "text"} of the latest run; null when there is none.
  [[nodiscard]] Json status() const;

  // ---- the other servers
  // Records that `from` sends, its own behind the one that opens the run; how many of its own are here now.
  Result<std::uint64_t> take_records(const std::string& from, const std::vector<role::Record>& records);
  // Whether a step that another server asks for may be done here and now.
  [[nodiscard]] Result<void> permits(const role::Call& call, const std::string& from) const;
  // The timer: what is not known to be stored elsewhere is sent again.
  void tick();

  void offer(const role::Opening& opening, const role::Record& record) override;
  [[nodiscard]] std::uint64_t confirmed(const role::Opening& opening, const std::string& server) override;

private:
  Result<void> open_log(const std::string& id);
  Result<void> replace_log(const std::string& id, const std::function<Result<void>()>& write_first);
  Result<void> make_way(const role::Opening& opening);
  void start_engine(const role::Runbook& runbook);
  void drive();
  void drive_on();
  void perform(const role::Call& call);
  [[nodiscard]] bool halted_at(const role::Call& call, std::string_view moment);
  void perform_here(const role::Call& call, std::uint64_t number);
  void finish_call(std::uint64_t number, const Result<void>& result);
  Result<void> take_up(const std::string& from, const role::Record& first);
  void send_records(const std::string& server);
  void ask_coordinator();
  void close(role::Ending ending, const std::string& reason);
  void take_confirmation(const std::string& server, const std::string& id, const Json& answer);
  void end();
  void announce();

  [[nodiscard]] const role::Opening& opening() const { return *log_->records().front().opening; }

  // Of the present run; a journal of an unknown one is not opened.
  [[nodiscard]] const role::Runbook& runbook() const { return *role::find_runbook(opening().runbook); }

  Agent& agent_;
  RoleKeeper& role_;
  PerformStep perform_;
  std::function<void()> changed_;
  std::optional<role::Log> log_; // never empty
  std::unique_ptr<role::Engine> engine_;
  std::map<std::string, std::uint64_t> confirmed_;
  std::set<std::string> sending_;          // servers that have records on their way to them
  std::optional<std::uint64_t> under_way_; // the call that the engine waits for
  std::optional<role::Call> call_;         // the same one
  std::uint64_t calls_ = 0;
  peer::Timer limit_; // of the call under way
  peer::Timer again_; // drive() after a rest, or a look at whether the halt has ended
  std::chrono::milliseconds rest_{100};
};

// A call between servers: what the method "run.step" carries.
[[nodiscard]] Json to_json(const role::Call& call);
[[nodiscard]] Result<role::Call> call_of(const Json& params);

} // namespace tandem::agent
