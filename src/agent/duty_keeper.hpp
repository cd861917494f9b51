// Sets this server to what its role asks: looks at what it is, asks role::decide() and does what that says, again after
// every change and at each tick. On the loop; what blocks goes to worker threads.
#pragma once
#include "agent/duties.hpp"
#include "agent/run_keeper.hpp"

namespace tandem::agent {

class DutyKeeper {
public:
  DutyKeeper(Agent& agent, std::unique_ptr<Duties> duties, PerformStep perform);

  [[nodiscard]] RoleKeeper& role() { return role_; }

  [[nodiscard]] RunKeeper& runs() { return runs_; }

  // This server is a member and its network runs: it learns its role and takes up its duty.
  void start(const std::string& self);
  // This server leaves the pair: no duty is taken up any more. On the loop.
  void leave();
  // Something has changed.
  void think();

  // What is asked of those parts of this server that keepers of their own look after (the queue, the jobs). None while
  // a runbook's steps decide: but a server that has the grant is the primary, whatever its run has not come to yet.
  enum class Part { none, primary, standby };
  [[nodiscard]] Part part() const;

  // The duties themselves, for a runbook's steps; worker thread.
  Result<void> serve();

  Result<void> follow(const std::string& primary) { return duties_->follow(primary); }

  // The servers that are off for a failover of this agent: by the operator's word or by the command of [role] fence,
  // and the latest start of each that was known then. One that is heard from since has come back. On the loop.
  struct Off {
    std::string run; // id
    std::map<std::string, role::Incarnation> servers;
  };

  Off off;

  // The role's status with "duty", "duty_problem"? and "run"?.
  [[nodiscard]] Json status() const;

private:
  [[nodiscard]] role::View view() const;
  [[nodiscard]] std::string duty_for(role::Verdict verdict) const;
  void look();
  void act_on(const role::View& view);
  void perform(role::Task task);
  void work(role::Task task);
  void worked(const std::string& duty, const Result<void>& result);
  void stop_now();
  void tick();

  Agent& agent_;
  std::unique_ptr<Duties> duties_;
  RoleKeeper role_;
  RunKeeper runs_;
  peer::Timer ticking_;
  std::string row_;           // the decision that was logged last
  std::string duty_;          // what was taken up in full last: "serve", "follow NAME"; "" before
  std::string duty_problem_;  // why it is not fulfilled; tried again at each tick
  bool runs_started_ = false; // once the role is known
  bool looking_ = false;      // a worker thread looks at this server
  bool again_ = false;        // something changed meanwhile
  bool working_ = false;      // a duty is being taken up on a worker thread
};

} // namespace tandem::agent
