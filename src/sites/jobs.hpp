// A site's jobs: a timer and a service of systemd each. They belong to the role: timers run on the primary alone, and a
// service begins nothing where the marker is not.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"
#include "system/services.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tandem::sites {

// What the names of all their units begin with.
inline constexpr auto* job_prefix = "tandem-job-";

[[nodiscard]] std::string job_timer(const model::Site& site, const model::Job& job);
[[nodiscard]] std::string job_service(const model::Site& site, const model::Job& job);

[[nodiscard]] std::string job_timer_text(const model::Site& site, const model::Job& job);
// invalid: the command is none.
Result<std::string> job_service_text(const Layout& layout, const model::Site& site, const model::Job& job);

// An argument as systemd takes it in ExecStart=: whatever it holds reaches the program.
[[nodiscard]] std::string systemd_quoted(const std::string& argument);

// ---- on this server, with the units that `tandem apply` has made; those that it has not are passed over
// The timers run: jobs begin at their times. Idempotent.
Result<void> start_jobs(system::Services& services, const model::Site& site);
// No job begins any more; those that run go on. Idempotent.
Result<void> hold_jobs(system::Services& services, const model::Site& site);
// The name of one that runs.
Result<std::optional<std::string>> running_job(system::Services& services, const model::Site& site);
// Ends those that run.
Result<void> end_jobs(system::Services& services, const model::Site& site);
// The names of those whose last run failed.
Result<std::vector<std::string>> failed_jobs(system::Services& services, const model::Site& site);

} // namespace tandem::sites
