// Keeps this server's queue (Redis) what the role asks for: the primary's takes writes, those of the standbys are
// copies of it. Looks at it every few seconds; in between, the steps of a runbook ask for it.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/queue_relay.hpp"
#include "agent/recurring.hpp"
#include "replication/queue/queue.hpp"

namespace tandem::agent {

class QueueKeeper : public std::enable_shared_from_this<QueueKeeper> {
public:
  // This server is a member and its keeper has started. On the loop; both must outlive the loop's turning.
  void start(Agent& agent, DutyKeeper& duties);

  // ---- for the steps of a runbook; worker thread. None does anything where no queue has been set up, and none waits
  // for long: what it could not do, the keeper does later.
  // Whether that server's has everything that this one has, within the limit.
  Result<void> check_copy(Agent& agent, const std::string& server, std::chrono::milliseconds limit);
  // Writes wait from now on, that server's has everything, and this one's is not the only one any more. Where it fails,
  // or `ended` says so before, writes go on.
  Result<void> hand_over(Agent& agent, const std::string& server, std::chrono::milliseconds limit,
                         const std::function<bool()>& ended);
  // It is a copy of the primary's.
  Result<void> follow(Agent& agent);
  // It takes writes: the undo of the former, and the new primary's part.
  Result<void> lead(Agent& agent);

  // "queue" of a server's status, and its problems, by the latest look: whoever asks never waits for Redis.
  void add_status(const OperationContext& context, Json& status);

private:
  using Lock = std::unique_lock<std::timed_mutex>;

  struct Latest {
    std::optional<replication::QueueStanding> standing;
    std::string problem;
    std::optional<std::chrono::nanoseconds> at; // by the clock since the boot; not yet looked
  };

  Result<void> look(Agent& agent, DutyKeeper& duties);
  Result<void> take_part(Agent& agent, DutyKeeper& duties, const replication::QueueStanding& standing);
  Result<Lock> lock();
  Result<void> lead_with(const replication::QueueTools& tools);
  Result<void> keep_first(Agent& agent, const replication::QueueTools& tools);

  std::timed_mutex work_; // held by whoever changes what the queue is
  // A pause may stand that has lost its meaning: also one of an agent that was here before.
  std::atomic<bool> maybe_paused_ = true;
  QueueRelay relay_; // on the loop, as the rest
  std::shared_ptr<Recurring> recurring_;
  Latest latest_;
};

// Between agents: {"offset", "limit_ms"}: answers when the queue here has everything up to there.
Operation queue_confirm_operation();
} // namespace tandem::agent
