#include "sites/jobs.hpp"

#include "sites/words.hpp"
#include "sites/work_unit.hpp"

namespace tandem::sites {

namespace {

std::string job_unit(const model::Site& site, const model::Job& job) {
  return job_prefix + site.domain + ":" + job.name;
}

} // namespace

std::string job_timer(const model::Site& site, const model::Job& job) {
  return job_unit(site, job) + ".timer";
}

std::string job_service(const model::Site& site, const model::Job& job) {
  return job_unit(site, job) + ".service";
}

// Not persistent: the times at which a job ran lie on the server where it did, and another one would run it again.
std::string job_timer_text(const model::Site& site, const model::Job& job) {
  return fmt::format("# By tandem, from tandem.toml.\n[Unit]\nDescription=When the job {} of {} runs\n\n[Timer]\n"
                     "OnCalendar={}\nAccuracySec=1s\nPersistent=no\n",
                     job.name, site.domain, job.schedule);
}

std::string systemd_quoted(const std::string& argument) {
  std::string text = "\"";
  for (const char letter : argument) {
    if (letter == '"' || letter == '\\') text += '\\';
    if (letter == '%') text += '%';
    text += letter;
  }
  return text + "\"";
}

// The environment is that of the release that is served, with its virtualenv first in PATH.
Result<std::string> job_service_text(const Layout& layout, const model::Site& site, const model::Job& job) {
  TANDEM_TRY(const auto arguments, split_command(job.run));
  std::string line;
  for (const auto& argument : arguments)
    line += " " + systemd_quoted(argument);
  return work_unit_head(layout, site, "Job " + job.name) + fmt::format(R"(Type=oneshot
# A colon: nothing in the line is a variable.
ExecStart=:/usr/bin/env --{}
# So long it has to end when it is asked to.
TimeoutStopSec=30
# One that a change of primary ends has not failed.
SuccessExitStatus=SIGTERM
)",
                                                                       line);
}

} // namespace tandem::sites
