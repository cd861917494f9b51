// Work that a keeper does again and again: asked about on the loop, done in the background, never twice at once.
#pragma once
#include "agent/agent.hpp"

namespace tandem::agent {

class Recurring : public std::enable_shared_from_this<Recurring> {
public:
  // On the loop; the agent must outlive its turning. `due` is asked on the loop each time, also while the
  // work goes on; `work` runs on a worker thread. Both belong to
  // `owner` and are not called any more once that is gone. It ends when the last pointer to it goes.
  static std::shared_ptr<Recurring> start(Agent& agent, peer::Duration every, std::weak_ptr<void> owner,
                                          std::function<bool()> due, std::function<void()> work);

private:
  Recurring(Agent& agent, peer::Duration every, std::weak_ptr<void> owner, std::function<bool()> due,
            std::function<void()> work)
      : agent_(agent), every_(every), owner_(std::move(owner)), due_(std::move(due)), work_(std::move(work)) {}

  void tick();

  Agent& agent_;
  const peer::Duration every_;
  const std::weak_ptr<void> owner_;
  const std::function<bool()> due_;
  const std::function<void()> work_;
  // ---- on the loop
  peer::Timer timer_;
  bool working_ = false;
};

} // namespace tandem::agent
