#include "agent/visitor_hold.hpp"

#include "agent/calm_moment.hpp"
#include "agent/duties.hpp"

namespace tandem::agent {

namespace {

using std::chrono::milliseconds;

constexpr auto calm_limit = std::chrono::seconds(30);

Error lost_the_role(const std::string& server) {
  return {ErrorKind::refused, server + " is not the primary any more", {}};
}

} // namespace

VisitorHold::VisitorHold(Agent& agent, system::Applications& applications, std::vector<model::Site> sites,
                         std::string database_unit, std::function<bool()> ended)
    : agent_(agent), applications_(applications), sites_(std::move(sites)), database_unit_(std::move(database_unit)),
      ended_(std::move(ended)), server_(snapshot_of(agent).server) {}

std::chrono::nanoseconds VisitorHold::now() const {
  return agent_.ports().clock.boot_time();
}

sites::Serving VisitorHold::serving() {
  return sites::Serving({.ports = agent_.ports(),
                         .applications = applications_,
                         .layout = {.state = agent_.settings().state_folder},
                         .database_unit = database_unit_});
}

Result<bool> VisitorHold::wait_idle(milliseconds limit) {
  const auto until = now() + limit;
  for (const auto& site : sites_) {
    const auto left = std::max(std::chrono::duration_cast<milliseconds>(until - now()), milliseconds(0));
    TANDEM_TRY(const bool idle, serving().wait_idle(site, left));
    if (!idle) return false;
  }
  return true;
}

Result<bool> VisitorHold::close(milliseconds drain) {
  TANDEM_CHECK(close_in_calm());
  if (closed_) return true;
  TANDEM_CHECK(close_gate());
  return wait_idle(drain);
}

Result<bool> VisitorHold::hide(milliseconds drain) {
  for (const auto& site : sites_)
    TANDEM_CHECK(serving().hide(site));
  return wait_idle(drain);
}

Result<void> VisitorHold::close_in_calm() {
  const auto until = now() + calm_limit;
  return agent::close_in_calm({
      .settle = [](milliseconds /*limit*/) { return Result<void>(); },
      .is_calm = [this](milliseconds patience) { return serving().wait_calm(sites_, slow_request, patience); },
      .drained = [this](milliseconds patience) { return wait_idle(patience); },
      .close_gate = [this] { return close_gate(); },
      .open_gate = [this] { return open(); },
      .left = [this,
               until] { return std::max(std::chrono::duration_cast<milliseconds>(until - now()), milliseconds(0)); },
      .ended = ended_,
  });
}

Result<void> VisitorHold::close_gate() {
  TANDEM_CHECK(on_gate(agent_, [this](Gate& gate) -> Result<void> {
    if (!agent_.may_serve()) return std::unexpected(lost_the_role(server_));
    return gate.close();
  }));
  closed_ = true;
  closed_at_ = now();
  return {};
}

Result<void> VisitorHold::open() {
  if (!std::exchange(closed_, false)) return {};
  held_ = std::chrono::duration_cast<milliseconds>(now() - closed_at_);
  return on_gate(agent_, [this](Gate& gate) -> Result<void> {
    if (!agent_.may_serve()) return std::unexpected(lost_the_role(server_));
    return gate.open_local(server_);
  });
}

} // namespace tandem::agent
