#include "sites/celery.hpp"

#include "base/text.hpp"
#include "sites/work_unit.hpp"

namespace tandem::sites {

namespace {

// It is drained first (packaging/drain-worker). SIGTERM lets running tasks end, SIGQUIT returns them to the queue, and
// its children must get neither (https://docs.celeryq.dev, "Stopping the worker"). One that returned them ends with
// status 1, which is no failure; whatever ends by itself is started again.
constexpr auto* worker_ending = "ExecStop=-/usr/lib/tandem/drain-worker {0} {1}\nSuccessExitStatus=1\n"
                                "KillMode=mixed\nTimeoutStopSec=10min\n";
// Its memory of what it has sent outlasts a restart and goes away with a stop: one of an earlier time as the primary
// would send again what another server has sent since.
constexpr auto* beat_ending = "RuntimeDirectory={0}\nRuntimeDirectoryPreserve=restart\nTimeoutStopSec=10\n";

std::string unit_text(const Layout& layout, const model::Site& site, const std::string& what,
                      const std::string& arguments, const std::string& ending) {
  return work_unit_head(layout, site, what, "After=redis-server@queue.service\n") +
         fmt::format(R"(ExecStart=:/usr/bin/env -- celery --app {} {}
Restart=always
RestartSec=5
{})",
                     site.celery->app, arguments, ending);
}

} // namespace

std::string worker_unit(const model::Site& site, const model::CeleryWorker& worker) {
  return worker_prefix + site.domain + ":" + worker.name + ".service";
}

std::string beat_unit(const model::Site& site) {
  return beat_prefix + site.domain + ".service";
}

// No queues: Celery's own default.
std::string worker_text(const Layout& layout, const model::Site& site, const model::CeleryWorker& worker) {
  const auto node = worker.name + "@" + site.domain;
  auto arguments = fmt::format("worker --hostname {} --concurrency {} --loglevel INFO", node, worker.concurrency);
  if (!worker.queues.empty()) arguments += " --queues " + join(worker.queues, ",");
  return unit_text(layout, site, "Celery's worker " + worker.name, arguments,
                   fmt::format(fmt::runtime(worker_ending), site.celery->app, node));
}

std::string beat_text(const Layout& layout, const model::Site& site) {
  const auto folder = beat_prefix + site.domain;
  return unit_text(layout, site, "Celery's beat",
                   fmt::format("beat --schedule /run/{}/schedule --pidfile= --loglevel INFO", folder),
                   fmt::format(fmt::runtime(beat_ending), folder));
}

const char* const return_tasks_script = R"(
local returned = 0
for database = 0, 15 do
  redis.call('select', database)
  if redis.call('type', 'unacked_index').ok == 'zset' then
    redis.call('del', 'unacked_mutex')
    for _, tag in ipairs(redis.call('zrange', 'unacked_index', 0, -1)) do
      redis.call('zadd', 'unacked_index', 'XX', 0, tag)
      returned = returned + 1
    end
  end
end
return returned
)";

} // namespace tandem::sites
