// A site's jobs: a timer and a service of systemd each. They belong to the role: timers run on the primary alone, and a
// service begins nothing where the marker is not. Pure; work.hpp starts and ends them.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"

#include <string>

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

} // namespace tandem::sites
