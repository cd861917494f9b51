// Tells whoever looks after the pair what is wrong with it ([alerts]): by mail, and by the operator's own program.
#pragma once
#include "agent/agent.hpp"
#include "agent/alerts.hpp"
#include "agent/recurring.hpp"

namespace tandem::agent {

class AlertKeeper : public std::enable_shared_from_this<AlertKeeper> {
public:
  // This server is a member. On the loop; the agent must outlive the loop's turning.
  void start(Agent& agent);

  // Problems of telling itself.
  void add_status(const OperationContext& context, Json& status);

  // ---- worker thread
  // What is known, and where it was told. -> {"alerts": [{"text", "since", "told": [channel]}], "channels": [channel]}
  Json list(Agent& agent);
  // Sends a message that means nothing. -> {"sent": [channel]}; an error names each that failed.
  Result<Json> test(OperationContext& context);

private:
  void work(Agent& agent);
  void tell(Agent& agent, const model::Pair& pair, const std::string& server, WallMoment now);
  void load(Agent& agent);
  void store(Agent& agent);
  void note(Agent& agent, const Channel& channel, const Result<void>& sent);

  std::mutex book_work_; // held by whoever reads or changes the book
  AlertBook book_;
  bool loaded_ = false;
  bool keeps_ = true;                                // the file is one that this version may write
  std::chrono::nanoseconds started_{0};              // by the clock since the boot
  std::string stored_;                               // what the file has
  std::map<Channel, std::chrono::nanoseconds> next_; // attempt, by the clock since the boot, after one that failed
  std::shared_ptr<Recurring> recurring_;
  std::map<Channel, std::string> failures_; // on the loop
};

void bind_alerts(Settings& settings, std::vector<Operation>& operations);

} // namespace tandem::agent
