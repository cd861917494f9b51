#include "agent/site_hold.hpp"

#include "agent/operations/replication.hpp"
#include "system/pause.hpp"

namespace tandem::agent {

namespace {

constexpr auto work_limit = std::chrono::minutes(2); // for jobs and tasks to end

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

Error SiteHold::still_busy() const {
  return {ErrorKind::refused,
          fmt::format("{} still has requests in flight after {} s", site_.domain, pair_.role.drain.count()),
          "Try again when they have ended"};
}

// A duty that finds the gate closed opens it, but only looks while nobody is at work on the database.
Result<void> SiteHold::begin() {
  TANDEM_TRY(const auto database, database_tools(agent_, server_, {}));
  visitors_.emplace(agent_, applications_, std::vector{site_}, database.layout.unit, ended_);
  begun_ = true;
  change_.emplace(agent_);
  TANDEM_CHECK(still_work(agent_, ended_, tell_));
  database_ = agent_.urgent_database_work();
  TANDEM_TRY(const bool drained, visitors_->close(pair_.role.drain));
  if (!drained) return std::unexpected(still_busy());
  TANDEM_TRY(const bool idle, visitors_->hide(pair_.role.drain));
  if (!idle) return std::unexpected(still_busy());
  return stop_site();
}

Result<void> still_work(Agent& agent, const std::function<bool()>& ended,
                        const std::function<void(const std::string& line)>& tell) {
  auto& services = agent.ports().services;
  const auto now = [&] { return agent.ports().clock.boot_time(); };
  TANDEM_CHECK(sites::hold_work(services));
  const auto until = now() + work_limit;
  for (std::string told;;) {
    TANDEM_TRY(const auto running, sites::running_work(services));
    if (running.empty()) return {};
    if (now() >= until || ended())
      return fail(ErrorKind::refused, running.front() + " still runs", "Try again when it has ended");
    if (told != running.front()) tell("waiting until " + (told = running.front()) + " has ended");
    system::pause_thread(std::chrono::milliseconds(200));
    TANDEM_CHECK(sites::hold_work(services)); // whoever had looked before may have started something since
  }
}

Result<void> SiteHold::stop_site() {
  return visitors_->serving().stop(site_);
}

Result<void> SiteHold::start_site() {
  TANDEM_CHECK(visitors_->serving().serve_current(site_, tell_));
  return visitors_->serving().wake(site_);
}

Result<void> SiteHold::end() {
  if (!std::exchange(begun_, false)) return {};
  // Nothing to do where it was not stopped, or runs again.
  if (const auto serves = visitors_->serving().serve_current(site_, tell_); !serves) tell_(describe(serves.error()));
  const auto opened = visitors_->open();
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
