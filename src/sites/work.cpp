#include "sites/work.hpp"

#include "base/text.hpp"
#include "model/places.hpp"
#include "model/ports.hpp"
#include "sites/celery.hpp"
#include "sites/imports.hpp"
#include "sites/jobs.hpp"

#include <csignal>

namespace tandem::sites {

namespace {

using system::LoadedUnit;
using system::UnitDeed;
using Units = std::vector<LoadedUnit>;

bool runs(const std::string& active) {
  return active == "active" || active == "activating" || active == "reloading" || active == "deactivating";
}

Result<Units> jobs_of(system::Services& services) {
  TANDEM_TRY(auto units, services.loaded(job_prefix + std::string("*.service")));
  TANDEM_TRY(const auto imports, services.loaded(model::import_prefix + std::string("*.service")));
  units.insert(units.end(), imports.begin(), imports.end());
  return units;
}

Result<Units> celery_of(system::Services& services) {
  TANDEM_TRY(auto units, services.loaded(worker_prefix + std::string("*.service")));
  TANDEM_TRY(const auto beats, services.loaded(beat_prefix + std::string("*.service")));
  units.insert(units.end(), beats.begin(), beats.end());
  return units;
}

Result<Units> services_of(system::Services& services) {
  TANDEM_TRY(auto units, jobs_of(services));
  TANDEM_TRY(const auto celery, celery_of(services));
  units.insert(units.end(), celery.begin(), celery.end());
  return units;
}

// Also what is about to start, or ends only to be started anew: systemd drops that.
Result<void> begin_stop(system::Services& services, const LoadedUnit& unit) {
  return runs(unit.active) || unit.queued ? services.begin(UnitDeed::stop, unit.name) : Result<void>();
}

Result<void> start_timer(system::Services& services, const std::string& timer) {
  TANDEM_TRY(const auto status, services.status(timer));
  return status.load == "not-found" || status.active == "active" ? Result<void>() : services.start(timer);
}

// Nobody else is left who could finish what a worker of this server or another had begun.
Result<void> return_tasks(const WorkTools& tools) {
  TANDEM_TRY(const auto workers, tools.services.loaded(worker_prefix + std::string("*.service")));
  for (const auto& worker : workers)
    if (runs(worker.active)) return {};
  TANDEM_CHECK(
      run_checked(tools.processes, {.arguments = {"redis-cli", "-e", "-p", std::to_string(model::redis_queue_port),
                                                  "eval", return_tasks_script, "0"},
                                    .time_limit = std::chrono::seconds(2)}));
  return {};
}

// The release that a process was started from, as its working folder tells; empty: it lies somewhere else.
Result<std::string> release_of(const WorkTools& tools, std::uint32_t process, const std::string& releases) {
  TANDEM_TRY(const auto folder, tools.files.status(fmt::format("/proc/{}/cwd", process)));
  if (!folder || !folder->target.starts_with(releases + "/")) return std::string();
  const auto rest = folder->target.substr(releases.size() + 1);
  return rest.substr(0, rest.find_first_of("/ ")); // of a folder that is gone the kernel says " (deleted)"
}

Result<void> start_celery(const WorkTools& tools, const model::Site& site, const std::string& unit,
                          const std::string& release) {
  TANDEM_TRY(const auto status, tools.services.status(unit));
  if (status.load == "not-found") return {};
  if (!runs(status.active)) {
    if (unit.starts_with(worker_prefix)) TANDEM_CHECK(return_tasks(tools));
    return tools.services.begin(UnitDeed::start, unit);
  }
  if (status.active != "active" || status.main_process == 0) return {};
  TANDEM_TRY(const auto runs_from, release_of(tools, status.main_process, tools.layout.site_folder(site.domain)));
  return runs_from.empty() || runs_from == release ? Result<void>() : tools.services.begin(UnitDeed::restart, unit);
}

std::vector<std::string> celery_units(const model::Site& site) {
  std::vector<std::string> units;
  if (!site.celery) return units;
  for (const auto& worker : site.celery->workers)
    units.push_back(worker_unit(site, worker));
  if (site.celery->beat) units.push_back(beat_unit(site));
  return units;
}

} // namespace

Result<void> start_work(const WorkTools& tools, const model::Site& site) {
  std::optional<Error> problem;
  const auto note = [&](const std::string& unit, const Result<void>& begun) {
    if (!begun && !problem) problem = Error(begun.error()).within(work_in_words(unit));
  };
  for (const auto& job : site.jobs)
    note(job_timer(site, job), start_timer(tools.services, job_timer(site, job)));
  TANDEM_TRY(const auto link, tools.files.status(tools.layout.site_link(site.domain)));
  TANDEM_TRY(const auto environment, tools.files.status(tools.layout.current_environment(site.domain)));
  if (link && environment) // a release is served
    for (const auto& unit : celery_units(site)) {
      const auto begun = start_celery(tools, site, unit, link->target.substr(link->target.rfind('/') + 1));
      note(unit, begun);
      if (!begun) break; // a queue that hangs would be waited for again
    }
  return problem ? Result<void>(std::unexpected(*problem)) : Result<void>();
}

Result<void> hold_work(system::Services& services) {
  TANDEM_TRY(const auto timers, services.loaded(job_prefix + std::string("*.timer")));
  for (const auto& timer : timers)
    if (runs(timer.active)) TANDEM_CHECK(services.stop(timer.name));
  TANDEM_TRY(const auto celery, celery_of(services));
  for (const auto& unit : celery)
    TANDEM_CHECK(begin_stop(services, unit));
  return {};
}

Result<std::vector<std::string>> running_work(system::Services& services) {
  TANDEM_TRY(const auto units, services_of(services));
  std::vector<std::string> names;
  for (const auto& unit : units)
    if (runs(unit.active) || unit.queued) names.push_back(work_in_words(unit.name));
  return names;
}

Result<void> end_work(system::Services& services) {
  TANDEM_TRY(const auto units, services_of(services));
  for (const auto& unit : units) {
    TANDEM_CHECK(begin_stop(services, unit));
    if (unit.active == "active" && unit.name.starts_with(worker_prefix))
      TANDEM_CHECK(services.signal(unit.name, SIGQUIT));
  }
  return {};
}

Result<void> cut_work(system::Services& services) {
  TANDEM_TRY(const auto units, services_of(services));
  for (const auto& unit : units) {
    const bool worker = unit.name.starts_with(worker_prefix);
    if (runs(unit.active)) TANDEM_CHECK(worker ? services.signal(unit.name, SIGQUIT) : begin_stop(services, unit));
  }
  return {};
}

Result<std::vector<std::string>> failed_work(system::Services& services) {
  TANDEM_TRY(const auto units, services_of(services));
  std::vector<std::string> told;
  for (const auto& unit : units) {
    if (unit.name.starts_with(model::import_prefix))
      continue; // what failed there is kept, and told until somebody decides
    const bool again = unit.sub == "auto-restart";
    if (unit.load == "loaded" && (unit.active == "failed" || again))
      told.push_back(fmt::format("{} {} (`journalctl -u '{}'` tells why)", work_in_words(unit.name),
                                 again ? "keeps failing" : "failed", unit.name));
  }
  return told;
}

std::string work_in_words(const std::string& unit) {
  const auto name_behind = [&](std::string_view prefix) {
    return unit.substr(prefix.size(), unit.rfind('.') - prefix.size());
  };
  if (unit.starts_with(beat_prefix)) return "the beat of " + name_behind(beat_prefix);
  if (unit.starts_with(model::import_prefix)) return "the import of " + name_behind(model::import_prefix);
  const bool job = unit.starts_with(job_prefix);
  const auto name = name_behind(job ? job_prefix : worker_prefix);
  const auto colon = name.find(':');
  return fmt::format("the {} {} of {}", job ? "job" : "worker", name.substr(colon + 1), name.substr(0, colon));
}

bool is_work(const std::string& unit) {
  return unit.starts_with(job_prefix) || unit.starts_with(model::import_prefix) || unit.starts_with(worker_prefix) ||
         unit.starts_with(beat_prefix);
}

} // namespace tandem::sites
