// A site's Celery: a unit of systemd for each worker and one for its beat. They run on the primary alone, from the
// release that is served, and write to the journal. Pure; work.hpp starts and ends them.
#pragma once
#include "model/pair.hpp"
#include "sites/layout.hpp"

#include <string>

namespace tandem::sites {

// What the names of all their units begin with.
inline constexpr auto* worker_prefix = "tandem-worker-";
inline constexpr auto* beat_prefix = "tandem-beat-";

[[nodiscard]] std::string worker_unit(const model::Site& site, const model::CeleryWorker& worker);
[[nodiscard]] std::string beat_unit(const model::Site& site);

// Of a site that has a Celery.
[[nodiscard]] std::string worker_text(const Layout& layout, const model::Site& site, const model::CeleryWorker& worker);
[[nodiscard]] std::string beat_text(const Layout& layout, const model::Site& site);

// A script of Redis' queue: tasks that workers had taken and that no worker is left to finish go back to their queues
// at once, not after Celery's visibility time-out of an hour (kombu/transport/redis.py). Its value is their number.
extern const char* const return_tasks_script;

} // namespace tandem::sites
