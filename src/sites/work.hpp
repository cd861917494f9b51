// What sites do besides answering visitors: jobs (jobs.hpp), imports (imports.hpp, begun by the agent's keeper of them)
// and Celery's workers and beat (celery.hpp). All of it
// belongs to the role. Each function but the first is about all sites, and about work that has left tandem.toml while
// it ran. Nothing here waits for work to end. Any thread; idempotent.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"
#include "system/ports.hpp"

#include <string>
#include <vector>

namespace tandem::sites {

struct WorkTools {
  system::Files& files;
  system::Processes& processes;
  system::Services& services;
  Layout layout = {};
};

// On the primary: jobs begin at their times; workers and beat run, of the release that is served. What `tandem apply`
// has not made yet is passed over, and what cannot start keeps nothing else from it.
Result<void> start_work(const WorkTools& tools, const model::Site& site);
// No job begins any more, workers take no more tasks; what runs goes on to its end.
Result<void> hold_work(system::Services& services);
// What has not ended yet, in words: "the job feeds of shop.example".
Result<std::vector<std::string>> running_work(system::Services& services);
// The same for what must not go on: jobs are asked to end, and workers that were still at work return their tasks to
// the queue.
Result<void> end_work(system::Services& services);
// What runs ends now: jobs are asked to, and workers that end their tasks return them to the queue instead. Once: the
// second time they would lose them.
Result<void> cut_work(system::Services& services);
// What failed, in words.
Result<std::vector<std::string>> failed_work(system::Services& services);

// "the job feeds of shop.example", "the worker default of …", "the beat of …", of a unit's name.
[[nodiscard]] std::string work_in_words(const std::string& unit);
// Whether a unit is of this kind, by its name.
[[nodiscard]] bool is_work(const std::string& unit);

} // namespace tandem::sites
