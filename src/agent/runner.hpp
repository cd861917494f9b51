// Starts operations and keeps count of them. On the loop.
#pragma once
#include "agent/operation.hpp"
#include "agent/workers.hpp"

namespace tandem::agent {

class Runner {
public:
  Runner(Agent& agent, std::vector<Operation> operations);

  // Refuses, or runs it on a worker thread and answers when it has ended. What holds one of its locks and is less
  // urgent is asked to end, and waited for.
  void begin(const peer::Request& request, bool has_pair);
  // An operation begun by the agent itself on a server of a pair; what comes of it is in the log. A refusal when it
  // cannot begin now.
  Result<void> begin_own(const std::string& name, const Json& params);
  void cancel_all();
  // Whatever holds that lock is asked to end; what does, in words, empty: nothing does any more.
  std::string ask_to_end(const std::string& lock);

  void in_background(std::function<void()> work) { workers_.submit(std::move(work)); }

  // No operation is under way or waits, and nothing in the background.
  [[nodiscard]] bool idle() { return runs_.empty() && waiting_.empty() && workers_.idle(); }

  // One that is to be apart from runbooks; empty: none.
  [[nodiscard]] std::string busy_with() const;

  // [{"id", "name", "from", "started"}], for status.
  [[nodiscard]] Json running() const;

private:
  // One that waits for others to end.
  struct Waiting {
    peer::Request request;
    const Operation* operation;
  };

  Result<const Operation*> find(const peer::Request& request, bool has_pair) const;
  // What stands against it now; what it may end does not.
  Result<void> check_free(const Operation& operation) const;
  [[nodiscard]] std::vector<std::shared_ptr<Run>> in_its_way(const Operation& operation) const;
  void begin_or_wait(const peer::Request& request, const Operation& operation);
  void let_waiting_begin();
  void start(const peer::Request& request, const Operation& operation);
  void run(const std::shared_ptr<Run>& run);
  void end(const std::shared_ptr<Run>& run, Result<Json> result);

  Agent& agent_;
  std::map<std::string, Operation> operations_;
  std::map<std::uint64_t, std::shared_ptr<Run>> runs_;
  std::vector<Waiting> waiting_; // in the order in which they came
  std::uint64_t last_id_ = 0;
  bool stopping_ = false;
  Workers workers_; // last: its threads end before what they use
};

} // namespace tandem::agent
