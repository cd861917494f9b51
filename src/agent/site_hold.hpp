// A primary on which one site is still for a moment: visitors wait at the gate, none of the site's requests, jobs and
// tasks is under way, and its application is stopped. For what changes its database as a whole.
#pragma once
#include "agent/duties.hpp"
#include "agent/visitor_hold.hpp"

namespace tandem::agent {

// No job begins any more and no worker takes a task; returns when what ran has ended, of all sites. refused when it
// does not end within two minutes. Make an Agent::Change before, else a keeper begins it anew.
Result<void> still_work(Agent& agent, const std::function<bool()>& ended,
                        const std::function<void(const std::string& line)>& tell);

class SiteHold {
public:
  using Tell = std::function<void(const std::string& line)>;

  // All of it must outlive the hold. `ended`: nobody wants it any more.
  SiteHold(Agent& agent, system::Applications& applications, const model::Pair& pair, const model::Site& site,
           std::function<bool()> ended, Tell tell);
  // Whatever begin() has stopped goes on.
  ~SiteHold();
  SiteHold(const SiteHold&) = delete;
  SiteHold& operator=(const SiteHold&) = delete;

  // Visitors wait from somewhere in here on. refused when requests or work do not end; all goes on then.
  Result<void> begin();
  // Starts the site's application and asks it its health question as visitors will; they still wait.
  Result<void> start_site();
  Result<void> stop_site();
  // Visitors come through, and work begins again. An error that is not the gate's is told.
  Result<void> end();

  // How long the gate was closed.
  [[nodiscard]] std::chrono::milliseconds held() const {
    return visitors_ ? visitors_->held() : std::chrono::milliseconds(0);
  }

private:
  [[nodiscard]] Error still_busy() const;
  [[nodiscard]] std::chrono::nanoseconds now() const;

  Agent& agent_;
  system::Applications& applications_;
  const model::Pair& pair_;
  const model::Site& site_;
  std::function<bool()> ended_;
  Tell tell_;
  std::string server_;
  std::optional<VisitorHold> visitors_; // since begin()
  // No apply, keeper of the work or duty meddles meanwhile.
  std::optional<Agent::Change> change_;
  std::unique_lock<std::mutex> database_;
  bool begun_ = false;
};

} // namespace tandem::agent
