// What this server does by its role, over the ports: database, sites, nginx, gate, marker. Worker threads. Idempotent:
// each may be called again at any time, and finishes what an earlier call left.
#pragma once
#include "agent/agent.hpp"
#include "replication/tools.hpp"
#include "role/decide.hpp"
#include "sites/work.hpp"
#include "system/applications.hpp"

namespace tandem::agent {

class Duties {
public:
  virtual ~Duties() = default;
  // Be the primary, up to the open gate. `entitled` is asked on the loop before anything that a visitor could see;
  // refused when it says no.
  virtual Result<void> serve(const std::function<bool()>& entitled) = 0;
  // Stop a PostgreSQL that is no standby, at once; one that is just starting, or is about to, as well.
  virtual Result<void> stop_writing() = 0;
  // Be a standby of that server.
  virtual Result<void> follow(const std::string& primary) = 0;
  // What this server is now; `primary` is the one it should follow if it is a standby.
  virtual Result<role::ServerNow> now(const std::string& primary) = 0;
};

// The agent and the port must outlive them.
std::unique_ptr<Duties> make_duties(Agent& agent, system::Applications& applications);

// What comes before stop_writing(), on the loop: the gate is closed and the marker is gone when it returns.
Result<void> turn_visitors_away(Agent& agent);

// For what changes the gate from a worker thread.
Result<void> on_gate(Agent& agent, const std::function<Result<void>(Gate&)>& work);
Snapshot snapshot_of(Agent& agent);

// The names of the pair's other servers.
[[nodiscard]] std::vector<std::string> others_in(const model::Pair& pair, const std::string& self);

// The pieces that a runbook's steps use as well.
Result<void> start_nginx(Agent& agent);
// Makes PostgreSQL the primary. Where `still` says no afterwards, it is stopped at once: the right to write can be lost
// in any moment before, and who stops PostgreSQL then finds a standby that it need not stop. Worker thread.
Result<void> promote_while(Agent& agent, const replication::DatabaseTools& tools,
                           const std::vector<std::string>& others, const std::function<Result<void>()>& still,
                           std::chrono::milliseconds limit);
// For start_work(); `services`: through which it is started.
[[nodiscard]] sites::WorkTools work_tools(Agent& agent, system::Services& services);
// Whether a worker of nginx still answers by an older configuration than the one that is loaded.
Result<bool> old_nginx_workers(system::Files& files);
// What becomes of the sites' applications: nginx finds them; they run, and nginx does not find them; they do not run.
enum class SitesAre { serving, warm, resting };
// On a standby ([role] standby).
[[nodiscard]] SitesAre standby_sites(const model::Pair& pair);
// One that cannot start keeps none of the others from it.
Result<void> run_sites(Agent& agent, system::Applications& applications, const Snapshot& now, SitesAre sites);

inline constexpr auto* marker_file = "/primary_server";

} // namespace tandem::agent
