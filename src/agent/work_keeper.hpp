// Sees to it that the primary's jobs begin at their times and its workers run, of the release that is served, whatever
// stopped them; and knows which failed.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/recurring.hpp"

namespace tandem::agent {

class WorkKeeper : public std::enable_shared_from_this<WorkKeeper> {
public:
  // This server is a member and its keeper has started. On the loop; both must outlive the loop's turning.
  void start(Agent& agent, DutyKeeper& duties);

  // The problems of the latest look: whoever asks never waits for systemd.
  void add_status(const OperationContext& context, Json& status);

private:
  // On the loop.
  bool due(Agent& agent, DutyKeeper& duties);
  // Worker thread.
  static std::vector<std::string> look(Agent& agent, DutyKeeper& duties);

  // ---- on the loop
  std::shared_ptr<Recurring> recurring_;
  std::vector<std::string> problems_;
};

} // namespace tandem::agent
