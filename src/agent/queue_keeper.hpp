// Keeps this server's queue (Redis) what the role asks for: the primary's takes writes, those of the standbys are
// copies of it. Looks at it every few seconds; in between, the steps of a runbook ask for it.
#pragma once
#include "agent/duty_keeper.hpp"
#include "replication/queue/queue.hpp"

namespace tandem::agent {

class QueueKeeper : public std::enable_shared_from_this<QueueKeeper> {
public:
  // This server is a member and its keeper has started. On the loop; both must outlive the loop's turning.
  void start(Agent& agent, DutyKeeper& duties);

  // ---- for the steps of a runbook; worker thread. None does anything where no queue has been set up.
  // Whether that server's has everything that this one has, within the limit.
  Result<void> check_copy(Agent& agent, const std::string& server, std::chrono::milliseconds limit);
  // Writes wait from now on, that server's has everything, and this one's is not the only one any more.
  Result<void> hand_over(Agent& agent, const std::string& server, std::chrono::milliseconds limit);
  // It is a copy of the primary's.
  Result<void> follow(Agent& agent);
  // It takes writes: the undo of the former, and the new primary's part.
  Result<void> lead(Agent& agent);

  // "queue" of a server's status, and its problems.
  void add_status(const OperationContext& context, Json& status);

private:
  enum class Wish { nothing, lead, follow };

  // A connection of a copy on its way to the primary of that name.
  struct Link {
    std::string primary;
    std::weak_ptr<peer::Connection> connection;
  };

  void tick(Agent& agent, DutyKeeper& duties);
  void listen(Agent& agent);
  void pass_on(Agent& agent, system::Descriptor copy);
  void drop_links_to_others(Agent& agent);
  [[nodiscard]] static Wish wish(DutyKeeper& duties);
  Result<void> look(Agent& agent, DutyKeeper& duties);
  static Result<void> follow_with(Agent& agent, const replication::QueueTools& tools);

  std::mutex work_; // held by whoever changes what the queue is
  // ---- on the loop
  peer::Timer ticking_;
  std::unique_ptr<peer::Listener> listener_;
  std::vector<Link> links_;
  bool looking_ = false;
  std::string problem_; // of the latest look
};

// Between agents: {"offset", "limit_ms"}: answers when the queue here has everything up to there.
Operation queue_confirm_operation();
// Which port a copy gets on this server: the queue's, while this server is the primary.
Result<std::uint16_t> accept_queue(Agent& agent, const std::string& server);

} // namespace tandem::agent
