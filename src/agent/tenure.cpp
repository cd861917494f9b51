#include "agent/tenure.hpp"

#include "system/pause.hpp"

namespace tandem::agent {

namespace {

// After a boot the other servers tell it within a moment, if they are there.
constexpr std::chrono::seconds patience_with_role{15};
constexpr std::chrono::milliseconds look_at_role{50};

bool serves_or_follows(const Agent& agent, const peer::Standing& standing) {
  if (standing.primary.empty()) return false;
  return standing.primary != agent.state().server || agent.may_serve();
}

} // namespace

Result<Tenure> Tenure::begin(Agent& agent, const std::function<bool()>& ended) {
  const auto until = agent.ports().clock.boot_time() + patience_with_role;
  for (;;) {
    peer::Standing standing;
    bool settled = false;
    agent.on_loop([&] {
      standing = agent.state().standing;
      settled = serves_or_follows(agent, standing);
    });
    if (settled) return Tenure(agent, std::move(standing));
    if (ended() || agent.ports().clock.boot_time() >= until)
      return fail(ErrorKind::unavailable,
                  standing.primary.empty()
                      ? std::string("this server does not know its role, so that nothing is changed on it")
                      : standing.primary + " was the primary and does not know whether it still is, so that nothing is "
                                           "changed on it",
                  "tandem status");
    system::pause_thread(look_at_role);
  }
}

Result<void> Tenure::still() const {
  Result<void> answer;
  agent_.on_loop([&] {
    const auto now = agent_.state().standing;
    if (!agent_.runbook().empty())
      answer = fail(ErrorKind::refused, "the " + agent_.runbook() + " has begun meanwhile",
                    "Run `tandem apply` again once that has ended");
    else if (now != standing_ || !serves_or_follows(agent_, now))
      answer = fail(ErrorKind::refused, "the role of this server has changed meanwhile",
                    "Run `tandem apply` again once `tandem status` says what it is now");
  });
  return answer;
}

} // namespace tandem::agent
