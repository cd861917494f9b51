#include "agent/step_work.hpp"

#include "model/ports.hpp"
#include "replication/database/rewind.hpp"
#include "replication/database/running.hpp"
#include "sites/builder.hpp"
#include "system/pause.hpp"

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds health_patience{3};
constexpr std::chrono::seconds flush_patience{1}; // visitors wait

} // namespace

StepWork::StepWork(const StepParts& parts, const role::Call& call, const std::function<bool()>& ended)
    : agent_(parts.agent), applications_(parts.applications), files_(parts.files), keeper_(parts.keeper),
      queue_(parts.queue), names_(parts.names), call_(call), now_(snapshot_of(agent_)) {
  const auto until = agent_.ports().clock.boot_time() + call.limit;
  ended_ = [&agent = agent_, &ended, until] { return ended() || agent.ports().clock.boot_time() >= until; };
}

std::chrono::milliseconds StepWork::waiting_time() const {
  return std::max(milliseconds(1), call_.limit - std::min(call_.limit / 10, milliseconds(500)));
}

const std::string& StepWork::other() const {
  return now_.server == call_.opening.from ? call_.opening.to : call_.opening.from;
}

void StepWork::tell(const std::string& line) const {
  agent_.loop().post([&agent = agent_, line] { agent.log(line); });
}

replication::Progress StepWork::progress() const {
  return [&agent = agent_](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
}

Result<replication::DatabaseTools> StepWork::tools() {
  return database_tools(agent_, now_.server, ended_);
}

sites::Serving StepWork::serving() {
  return sites::Serving(
      {.ports = agent_.ports(), .applications = applications_, .layout = {.state = agent_.settings().state_folder}});
}

Result<void> StepWork::for_sites(const std::function<Result<void>(const model::Site&)>& work) {
  for (const auto& site : now_.pair->sites)
    TANDEM_CHECK(work(site));
  return {};
}

Result<void> StepWork::of_each_site(Result<void> (sites::Serving::*question)(const model::Site&)) {
  auto sites = serving();
  return for_sites([&](const model::Site& site) -> Result<void> {
    auto well = (sites.*question)(site);
    if (!well) return std::unexpected(std::move(well).error().within(site.domain + " on " + now_.server));
    return well;
  });
}

// The old primary's rsync, if one was on its way here, was ended with the change of standing; it may take a moment.
Result<void> StepWork::nothing_is_sent_here() {
  for (;;) {
    std::size_t running = 0;
    agent_.on_loop([&] { running = agent_.streams().running(); });
    if (running == 0) return {};
    if (ended_()) return fail(ErrorKind::unavailable, "files that another server sent are still being written here");
    system::pause_thread(milliseconds(5));
  }
}

Result<void> StepWork::take() {
  TANDEM_CHECK(nothing_is_sent_here());
  return mark();
}

Result<void> StepWork::mark() {
  return agent_.ports().files.write(marker_file, now_.server + "\n", 0644, {});
}

Result<void> StepWork::promote() {
  const auto work = agent_.urgent_database_work();
  TANDEM_TRY(const auto database, tools());
  TANDEM_CHECK(replication::check_whole(database)); // before it is started
  TANDEM_TRY(const auto standing, replication::database_standing(database));
  if (standing.state == replication::DatabaseState::stopped)
    TANDEM_CHECK(agent_.ports().services.start(database.layout.unit));
  const auto still = [this]() -> Result<void> {
    bool may = false;
    agent_.on_loop([&] { may = agent_.may_serve(); });
    return may ? Result<void>() : fail(ErrorKind::refused, now_.server + " is not the primary any more");
  };
  return promote_while(agent_, database, others_in(*now_.pair, now_.server), still, waiting_time());
}

Result<void> StepWork::takes_writes() {
  TANDEM_TRY(const auto rows,
             agent_.ports().databases.query("postgres", "select pg_is_in_recovery() or "
                                                        "current_setting('transaction_read_only')::bool"));
  const bool writes = rows.size() == 1 && rows[0].size() == 1 && rows[0][0] == "f";
  return writes ? Result<void>() : failed("PostgreSQL on " + now_.server + " takes no writes yet");
}

// Emptied rather than restarted, which would break the connections that the applications have to it.
void StepWork::empty_memcached() {
  constexpr auto* flush =
      R"(exec 3<>/dev/tcp/127.0.0.1/11211 && printf 'flush_all\r\nquit\r\n' >&3 && grep -q ^OK <&3)";
  const auto emptied =
      run_checked(agent_.ports().processes, {.arguments = {"bash", "-c", flush}, .time_limit = flush_patience});
  if (emptied) return;
  if (const auto again = agent_.ports().services.restart("memcached.service"); !again)
    tell("memcached could not be emptied, so that sites may show what is out of date: " + describe(again.error()));
}

void StepWork::empty_redis() {
  auto& ports = agent_.ports();
  const auto configured = ports.files.status("/etc/redis/redis.conf");
  if (!configured || !*configured) return; // before the first apply
  const auto emptied =
      run_checked(ports.processes,
                  {.arguments = {"redis-cli", "-e", "-p", std::to_string(model::redis_cache_port), "flushall", "async"},
                   .time_limit = flush_patience});
  if (!emptied)
    tell("Redis' cache could not be emptied, so that sites may show what is out of date: " + describe(emptied.error()));
}

// One that does not answer must not keep visitors waiting: the keeper tries again.
void StepWork::promote_queue() {
  if (const auto leads = queue_.lead(agent_); !leads) tell("the queue takes no writes yet: " + describe(leads.error()));
}

// A site whose own steps fail must not keep visitors from all the others; it is told, and the switchover goes on.
Result<void> StepWork::on_promote() {
  promote_queue();
  if (now_.pair->cache.memcached) empty_memcached();
  empty_redis();
  const sites::Tools work{
      .ports = agent_.ports(), .applications = applications_, .layout = {.state = agent_.settings().state_folder}};
  sites::Shelf shelf(work);
  return for_sites([&](const model::Site& site) -> Result<void> {
    if (site.on_promote.empty()) return {};
    TANDEM_TRY(const auto current, shelf.current(site.domain));
    if (!current) return {};
    TANDEM_TRY(const auto release, shelf.find(site.domain, *current));
    const auto ran = sites::Builder(work).run(site, release, site.on_promote, progress());
    if (!ran) tell(site.domain + ": its on_promote steps: " + describe(ran.error()));
    return {};
  });
}

// The same for one that is not well: the others are not kept waiting for it for long.
Result<void> StepWork::wait_for_health() {
  const auto until = agent_.ports().clock.boot_time() + health_patience;
  for (;;) {
    const auto well = of_each_site(&sites::Serving::check_health);
    if (well) return {};
    tell("after the change of primary: " + describe(well.error()));
    if (agent_.ports().clock.boot_time() >= until || ended_()) return {};
    system::pause_thread(milliseconds(100));
  }
}

Result<void> StepWork::serve_visitors() {
  if (const auto run = run_sites(agent_, applications_, now_, SitesAre::serving); !run) // its duty tries again
    tell("after the change of primary: " + describe(run.error()));
  return open_gate();
}

// What names cannot be changed is told, and tried again by their keeper.
Result<void> StepWork::switch_dns() {
  names_.lead_here(agent_, [this](const std::string& line) { tell(line); }, ended_);
  return {};
}

// One that cannot begin must not keep the rest of the runbook from happening: status tells of it.
Result<void> StepWork::start_work() {
  return for_sites([&](const model::Site& site) -> Result<void> {
    if (const auto begun = sites::start_work(work_tools(agent_, agent_.ports().services), site); !begun)
      tell(describe(begun.error()));
    return {};
  });
}

Result<void> StepWork::open_gate() {
  return on_gate(agent_, [&](Gate& gate) -> Result<void> {
    if (!keeper_.role().role().session.serving)
      return fail(ErrorKind::refused, now_.server + " may not serve any more");
    return gate.open_local(now_.server);
  });
}

std::chrono::milliseconds StepWork::left_until(std::chrono::nanoseconds until) const {
  const auto left = std::chrono::duration_cast<milliseconds>(until - agent_.ports().clock.boot_time());
  return std::max(milliseconds(0), left);
}

} // namespace tandem::agent
