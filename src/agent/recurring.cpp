#include "agent/recurring.hpp"

namespace tandem::agent {

std::shared_ptr<Recurring> Recurring::start(Agent& agent, peer::Duration every, std::weak_ptr<void> owner,
                                            std::function<bool()> due, std::function<void()> work) {
  std::shared_ptr<Recurring> made(
      new Recurring(agent, every, std::move(owner), std::move(due), std::move(work))); // its constructor is private
  made->tick();
  return made;
}

void Recurring::tick() {
  timer_ = agent_.loop().after(every_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->tick();
  });
  const auto owner = owner_.lock();
  if (!owner || agent_.ending() || !due_() || working_) return;
  working_ = true;
  agent_.in_background([self = shared_from_this(), owner] {
    self->work_();
    self->agent_.loop().post([self] { self->working_ = false; });
  });
}

} // namespace tandem::agent
