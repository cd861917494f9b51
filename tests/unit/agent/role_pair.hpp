// A pair of agents with their keepers, whose duties and steps are done by the test: they tell what was asked of them,
// and fail or wait where the test says so.
#pragma once
#include "agent/role_binding.hpp"
#include "role/switchover.hpp"
#include "support.hpp"

namespace tandem::agent::testing {

// One server's side of the play; any thread.
class Stage {
public:
  void tell(const std::string& line) {
    const std::lock_guard lock(mutex_);
    told_.push_back(line);
    times_.push_back(std::chrono::steady_clock::now());
  }

  [[nodiscard]] std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  [[nodiscard]] std::vector<std::chrono::steady_clock::time_point> times_of(const std::string& line) {
    const std::lock_guard lock(mutex_);
    std::vector<std::chrono::steady_clock::time_point> times;
    for (std::size_t i = 0; i < told_.size(); ++i)
      if (told_[i] == line) times.push_back(times_[i]);
    return times;
  }

  [[nodiscard]] std::size_t count(const std::string& line) { return times_of(line).size(); }

  // Its place among all that was told, the last time; nothing when it was not.
  [[nodiscard]] std::optional<std::size_t> last(const std::string& line) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = told_.size(); i-- > 0;)
      if (told_[i] == line) return i;
    return std::nullopt;
  }

  void forget() {
    const std::lock_guard lock(mutex_);
    told_.clear();
    times_.clear();
  }

  // From now on this ends with the error; an empty one: it succeeds.
  void fails(const std::string& what, const std::string& error) {
    const std::lock_guard lock(mutex_);
    failing_[what] = error;
  }

  void hold(const std::string& what) {
    const std::lock_guard lock(mutex_);
    held_.insert(what);
  }

  void release(const std::string& what) {
    const std::lock_guard lock(mutex_);
    held_.erase(what);
  }

  // What is asked: told, held, failed.
  Result<void> act(const std::string& what, const std::function<bool()>& ended) {
    tell(what);
    while (is_held(what)) {
      if (ended()) return fail(ErrorKind::unavailable, "the agent stops");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::lock_guard lock(mutex_);
    const auto found = failing_.find(what);
    return found == failing_.end() || found->second.empty() ? Result<void>() : failed(found->second);
  }

  std::atomic<role::ServerNow> server = role::ServerNow::stopped;

private:
  bool is_held(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return held_.contains(what);
  }

  std::mutex mutex_;
  std::vector<std::string> told_;
  std::vector<std::chrono::steady_clock::time_point> times_;
  std::map<std::string, std::string> failing_;
  std::set<std::string> held_;
};

class StagedDuties final : public Duties {
public:
  StagedDuties(Agent& agent, Stage& stage) : agent_(agent), stage_(stage) {}

  Result<void> serve(const std::function<bool()>& entitled) override {
    TANDEM_CHECK(stage_.act("serve", [this] { return agent_.ending(); }));
    bool yes = false;
    agent_.on_loop([&] { yes = entitled(); });
    if (!yes) return fail(ErrorKind::refused, "this server may not serve any more");
    stage_.tell("serving");
    stage_.server = role::ServerNow::primary;
    return {};
  }

  Result<void> stop_writing() override {
    stage_.server = role::ServerNow::stopped;
    return stage_.act("stop writing", [this] { return agent_.ending(); });
  }

  Result<void> follow(const std::string& primary) override {
    TANDEM_CHECK(stage_.act("follow " + primary, [this] { return agent_.ending(); }));
    stage_.server = role::ServerNow::standby;
    return {};
  }

  Result<role::ServerNow> now(const std::string& /*primary*/) override {
    stage_.tell("looked at");
    return stage_.server.load();
  }

private:
  Agent& agent_;
  Stage& stage_;
};

inline std::string name_of(role::Phase phase) {
  constexpr std::array names{"precondition", "action", "check", "undo"};
  return names.at(static_cast<std::size_t>(phase));
}

// Of all steps only the grant has an effect here: the protocol's.
inline PerformStep staged_steps(Agent& agent, Stage& stage, std::function<DutyKeeper&()> keeper) {
  return [&agent, &stage, keeper = std::move(keeper)](const role::Call& call,
                                                      const std::function<bool()>& ended) -> Result<void> {
    const auto what = call.step + " " + name_of(call.phase);
    const auto done = stage.act(what, ended);
    stage.tell("ended: " + what);
    if (!done) return done;
    if (call.step != "grant" || call.phase != role::Phase::action) return {};
    role::Outcome outcome;
    agent.on_loop(
        [&] { outcome = keeper().role().take({.kind = role::EventKind::grant_decided, .server = call.opening.to}); });
    return outcome.refused ? fail(ErrorKind::refused, outcome.sentence) : Result<void>();
  };
}

// A server whose agent has keepers.
class RoleServer {
public:
  RoleServer(Server& server, std::string name) : server_(server), name_(std::move(name)) {
    server_.bind = [this](Settings& settings, std::vector<Operation>& operations) {
      settings.log = [this](const std::string& line) { stage.tell("log: " + line); };
      keeper_ = bind_keepers(
          settings, operations,
          {.duties = [this](Agent& agent) { return std::make_unique<StagedDuties>(agent, stage); },
           .steps = [this](Agent& agent,
                           std::function<DutyKeeper&()> keeper) { return staged_steps(agent, stage, keeper); }});
      for (auto& operation : operations)
        if (operation.name == "run.records") hold_at_will(operation);
    };
  }

  ~RoleServer() { stop(); }

  void start() { server_.start(); }

  void stop() {
    keeper_ = nullptr;
    server_.stop();
  }

  // Runs the function on the loop with the keeper.
  template <class Work>
  auto with(Work work) {
    return server_.loop().on([&] { return work(keeper_(server_.agent())); });
  }

  [[nodiscard]] Json status() {
    return with([](DutyKeeper& keeper) { return keeper.status(); });
  }

  [[nodiscard]] std::string duty() { return status().value("duty", ""); }

  [[nodiscard]] role::Epoch epoch() {
    return with([](DutyKeeper& keeper) { return keeper.role().role().kept.epoch; });
  }

  [[nodiscard]] std::vector<role::Record> records() {
    return with([](DutyKeeper& keeper) {
      return keeper.runs().log() == nullptr ? std::vector<role::Record>() : keeper.runs().log()->records();
    });
  }

  [[nodiscard]] bool has_record(role::RecordKind kind, const std::string& step) {
    return std::ranges::any_of(records(),
                               [&](const role::Record& record) { return record.kind == kind && record.step == step; });
  }

  // How the latest run ended; none while it is open.
  [[nodiscard]] role::Ending ending() {
    const auto all = records();
    const auto closed = std::ranges::find(all, role::RecordKind::closed, &role::Record::kind);
    return closed == all.end() ? role::Ending::none : closed->ending;
  }

  void halt_at(const std::string& point) {
    ASSERT_TRUE(server_.files.write(server_.run_folder() + "/halt", point + "\n", 0600, {}));
  }

  void go_on() { ASSERT_TRUE(server_.files.remove(server_.run_folder() + "/halt")); }

  Server& operator*() { return server_; }

  Server* operator->() { return &server_; }

  Stage stage;

private:
  void hold_at_will(Operation& operation) {
    operation.run = [this, run = operation.run](OperationContext& context) -> Result<Json> {
      TANDEM_CHECK(stage.act("records arrive", [&] { return context.cancelled(); }));
      return run(context);
    };
  }

  Server& server_;
  std::string name_;
  KeeperOf keeper_;
};

// uno serves at epoch 1, duo follows it.
struct RolePair : ::testing::Test {
  Two two;
  RoleServer uno{two.uno, "uno"};
  RoleServer duo{two.duo, "duo"};

  void SetUp() override {
    uno.start();
    duo.start();
    const auto init = uno->ask("init");
    ASSERT_TRUE(init) << init.error().message;
    const std::string address = "127.0.0.1:" + std::to_string(two.port);
    const auto joined = duo->ask("join", {{"address", address}, {"token", (*init)["token"]}});
    ASSERT_TRUE(joined) << joined.error().message;
    ASSERT_TRUE(eventually([&] { return uno.duty() == "serve" && duo.duty() == "follow uno"; }));
    ASSERT_TRUE(eventually([&] { return uno->sees("duo") && duo->sees("uno"); }));
  }

  // The run of a switchover to the other server, as it would be opened now.
  [[nodiscard]] static role::Opening opening(role::Epoch epoch = 2) {
    return {.runbook = "switchover",
            .id = "run-" + std::to_string(epoch),
            .from = "uno",
            .to = "duo",
            .leader = "uno",
            .epoch = epoch,
            .reason = "a test",
            .parameters = {{"drain", "1"}, {"hold", "60"}}};
  }

  void begin(const role::Opening& run = opening()) {
    const auto begun = uno.with([&](DutyKeeper& keeper) { return keeper.runs().begin(run); });
    ASSERT_TRUE(begun) << begun.error().message;
  }

  // `tandem failover --alone` on duo although uno lives: the worst that an operator can do.
  void fail_over_behind_its_back() {
    ASSERT_TRUE(eventually([&] {
      return !duo.with([](DutyKeeper& keeper) {
                   return keeper.role().take({.kind = role::EventKind::failover, .off = {"uno"}});
                 })
                  .refused;
    }));
  }
};

} // namespace tandem::agent::testing
