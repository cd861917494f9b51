#include "agent/site_hold.hpp"

#include "agent/calm_moment.hpp"
#include "agent/operations/replication.hpp"
#include "system/pause.hpp"

namespace tandem::agent {

namespace {

constexpr auto work_limit = std::chrono::minutes(2); // for jobs and tasks to end
constexpr auto calm_limit = std::chrono::seconds(30);

} // namespace

SiteHold::SiteHold(Agent& agent, system::Applications& applications, const model::Pair& pair, const model::Site& site,
                   std::function<bool()> ended, Tell tell)
    : agent_(agent), applications_(applications), pair_(pair), site_(site), ended_(std::move(ended)),
      tell_(std::move(tell)), server_(snapshot_of(agent).server) {}

SiteHold::~SiteHold() {
  if (const auto done = end(); !done) tell_(describe(done.error()));
}

std::chrono::nanoseconds SiteHold::now() const {
  return agent_.ports().clock.boot_time();
}

sites::Serving SiteHold::serving() {
  return sites::Serving({.ports = agent_.ports(),
                         .applications = applications_,
                         .layout = {.state = agent_.settings().state_folder},
                         .database_unit = database_unit_});
}

Result<bool> SiteHold::wait_idle(std::chrono::milliseconds limit) {
  return serving().wait_idle(site_, limit);
}

// A duty that finds the gate closed opens it, but only looks while nobody is at work on the database.
Result<void> SiteHold::begin() {
  TANDEM_TRY(const auto database, database_tools(agent_, server_, {}));
  database_unit_ = database.layout.unit;
  begun_ = true;
  change_.emplace(agent_);
  TANDEM_CHECK(still_work());
  database_ = agent_.urgent_database_work();
  TANDEM_CHECK(close_in_calm());
  if (!closed_) {
    TANDEM_CHECK(close_gate());
    TANDEM_TRY(const bool idle, wait_idle(pair_.role.drain));
    if (!idle)
      return fail(ErrorKind::refused,
                  fmt::format("{} still has requests in flight after {} s", site_.domain, pair_.role.drain.count()),
                  "Try again when they have ended");
  }
  // What had passed the gate and comes late finds no application, and goes through the gate again.
  TANDEM_CHECK(serving().hide(site_));
  TANDEM_TRY(const bool idle, wait_idle(pair_.role.drain));
  if (!idle)
    return fail(ErrorKind::refused, site_.domain + " still has requests in flight", "Try again when they have ended");
  return stop_site();
}

Result<void> SiteHold::still_work() {
  auto& services = agent_.ports().services;
  TANDEM_CHECK(sites::hold_work(services));
  const auto until = now() + work_limit;
  for (std::string told;;) {
    TANDEM_TRY(const auto running, sites::running_work(services));
    if (running.empty()) return {};
    if (now() >= until || ended_())
      return fail(ErrorKind::refused, running.front() + " still runs", "Try again when it has ended");
    if (told != running.front()) tell_("waiting until " + (told = running.front()) + " has ended");
    system::pause_thread(std::chrono::milliseconds(200));
    TANDEM_CHECK(sites::hold_work(services)); // whoever had looked before may have started something since
  }
}

Result<void> SiteHold::close_in_calm() {
  const auto until = now() + calm_limit;
  using std::chrono::milliseconds;
  return agent::close_in_calm({
      .settle = [](milliseconds /*limit*/) { return Result<void>(); },
      .is_calm = [this](milliseconds patience) { return serving().wait_calm({site_}, slow_request, patience); },
      .drained = [this](milliseconds patience) { return wait_idle(patience); },
      .close_gate = [this] { return close_gate(); },
      .open_gate = [this] { return open_gate(); },
      .left = [this,
               until] { return std::max(std::chrono::duration_cast<milliseconds>(until - now()), milliseconds(0)); },
      .ended = ended_,
  });
}

Result<void> SiteHold::close_gate() {
  TANDEM_CHECK(on_gate(agent_, [this](Gate& gate) -> Result<void> {
    if (!agent_.may_serve()) return fail(ErrorKind::refused, server_ + " is not the primary any more");
    return gate.close();
  }));
  closed_ = true;
  closed_at_ = now();
  return {};
}

// Not where this server has lost the right to serve meanwhile.
Result<void> SiteHold::open_gate() {
  if (!std::exchange(closed_, false)) return {};
  held_ = std::chrono::duration_cast<std::chrono::milliseconds>(now() - closed_at_);
  return on_gate(agent_, [this](Gate& gate) -> Result<void> {
    if (!agent_.may_serve()) return fail(ErrorKind::refused, server_ + " is not the primary any more");
    return gate.open_local(server_);
  });
}

Result<void> SiteHold::stop_site() {
  return serving().stop(site_);
}

Result<void> SiteHold::start_site() {
  TANDEM_CHECK(serving().serve_current(site_, tell_));
  return serving().wake(site_);
}

Result<void> SiteHold::end() {
  if (!std::exchange(begun_, false)) return {};
  // Nothing to do where it was not stopped, or runs again.
  if (const auto serves = serving().serve_current(site_, tell_); !serves) tell_(describe(serves.error()));
  const auto opened = open_gate();
  if (database_.owns_lock()) database_.unlock();
  bool may = false;
  agent_.on_loop([&] { may = agent_.may_serve(); });
  auto services = agent_.services_while([this]() -> Result<void> {
    bool still = false;
    agent_.on_loop([&] { still = agent_.may_serve(); });
    return still ? Result<void>() : fail(ErrorKind::refused, server_ + " is not the primary any more");
  });
  if (may)
    for (const auto& site : pair_.sites)
      if (const auto begun = sites::start_work(work_tools(agent_, services), site); !begun)
        tell_(describe(begun.error()));
  change_.reset();
  return opened;
}

} // namespace tandem::agent
