// A primary whose visitors wait at the gate for a moment, with none of their requests under way: for what their sites'
// applications would not bear.
#pragma once
#include "agent/agent.hpp"
#include "sites/serving.hpp"

namespace tandem::agent {

class VisitorHold {
public:
  // The gate is closed for all sites; `sites` are those whose requests must have ended. `database_unit`: the systemd
  // unit of PostgreSQL. All of it must outlive the hold. `ended`: nobody wants it any more.
  VisitorHold(Agent& agent, system::Applications& applications, std::vector<model::Site> sites,
              std::string database_unit, std::function<bool()> ended);
  VisitorHold(const VisitorHold&) = delete;
  VisitorHold& operator=(const VisitorHold&) = delete;

  // Visitors wait from here on, from a moment without slow requests if one comes. False: requests are still under way
  // after `drain`. refused when this server is not the primary any more; the gate is as it was then. Hold the work on
  // the database (Agent::database_work) meanwhile: a duty that finds the gate closed opens it.
  Result<bool> close(std::chrono::milliseconds drain);
  // nginx finds the sites' applications no more: what had passed the gate and comes late goes through it again. False:
  // as above.
  Result<bool> hide(std::chrono::milliseconds drain);
  // Visitors come through again. Nothing to do where they do. Not where this server has lost the right to serve.
  Result<void> open();

  [[nodiscard]] bool closed() const { return closed_; }

  // How long the gate was closed.
  [[nodiscard]] std::chrono::milliseconds held() const { return held_; }

  [[nodiscard]] sites::Serving serving();

private:
  Result<void> close_in_calm();
  Result<void> close_gate();
  Result<bool> wait_idle(std::chrono::milliseconds limit);
  [[nodiscard]] std::chrono::nanoseconds now() const;

  Agent& agent_;
  system::Applications& applications_;
  std::vector<model::Site> sites_;
  std::string database_unit_;
  std::function<bool()> ended_;
  std::string server_;
  bool closed_ = false;
  std::chrono::nanoseconds closed_at_{0};
  std::chrono::milliseconds held_{0};
};

} // namespace tandem::agent
