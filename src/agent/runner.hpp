// Starts operations and keeps count of them. On the loop.
#pragma once
#include "agent/operation.hpp"
#include "agent/workers.hpp"

namespace tandem::agent {

class Runner {
public:
  Runner(Agent& agent, std::vector<Operation> operations);

  // Refuses, or runs it on a worker thread and answers when it has ended.
  void begin(const peer::Request& request, bool has_pair);
  void cancel_all();

  void in_background(std::function<void()> work) { workers_.submit(std::move(work)); }

  // No operation is under way, and nothing in the background.
  [[nodiscard]] bool idle() { return runs_.empty() && workers_.idle(); }

  // One that is to be apart from runbooks; empty: none.
  [[nodiscard]] std::string busy_with() const;

  // [{"id", "name", "from", "started"}], for status.
  [[nodiscard]] Json running() const;

private:
  Result<const Operation*> find(const peer::Request& request, bool has_pair) const;
  void run(const std::shared_ptr<Run>& run);
  void end(const std::shared_ptr<Run>& run, Result<Json> result);

  Agent& agent_;
  std::map<std::string, Operation> operations_;
  std::map<std::uint64_t, std::shared_ptr<Run>> runs_;
  std::uint64_t last_id_ = 0;
  bool stopping_ = false;
  Workers workers_; // last: its threads end before what they use
};

} // namespace tandem::agent
