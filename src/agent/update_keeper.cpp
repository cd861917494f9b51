#include "agent/update_keeper.hpp"

#include "agent/alerts.hpp"
#include "agent/binding.hpp"
#include "agent/duties.hpp"
#include "agent/operations/all.hpp"
#include "agent/security_updates.hpp"
#include "agent/times.hpp"
#include "base/text.hpp"
#include "journal/state_file.hpp"
#include "system/pause.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include <ctime>

namespace tandem::agent {

namespace {

constexpr auto update_tick = std::chrono::minutes(1);
constexpr auto longest_update = std::chrono::hours(2);
constexpr auto patience_with_recovery = std::chrono::minutes(3);
constexpr auto between_looks_at_it = std::chrono::seconds(2);
constexpr int looks_in_a_row = 3; // that find it well: replication is away for a moment after a restart
constexpr auto* run_operation = "updates.install";

// By the time zone as it is now: an apply may have changed it.
std::tm local_time(Agent& agent) {
  ::tzset();
  return fmt::localtime(std::chrono::system_clock::to_time_t(agent.ports().clock.wall_time()));
}

std::string today(Agent& agent) {
  return fmt::format("{:%Y-%m-%d}", local_time(agent));
}

journal::StateFile record_file(Agent& agent) {
  return {agent.ports().files, agent.settings().state_folder + "/updates.json", "updates", 1};
}

// A unit of its own: it goes on when the agent ends, and a second one cannot begin meanwhile. What it says is in the
// journal and in /var/log/unattended-upgrades.
constexpr auto* update_unit = "tandem-security-updates";

Result<void> install_by_debian(OperationContext& context, const std::string& settings) {
  const auto done = system::run_checked(
      context.ports().processes,
      {.arguments = {"systemd-run", "--quiet", "--wait", "--collect", std::string("--unit=") + update_unit,
                     "--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=APT_CONFIG=" + settings,
                     "unattended-upgrade"},
       .time_limit = longest_update});
  if (done) return {};
  return std::unexpected(
      Error(done.error()).within(std::string("unattended-upgrade (journalctl -u ") + update_unit + ")"));
}

std::vector<std::string> changed(const std::map<std::string, std::string>& before,
                                 const std::map<std::string, std::string>& after) {
  std::vector<std::string> names;
  for (const auto& [name, version] : after)
    if (const auto had = before.find(name); had == before.end() || had->second != version) names.push_back(name);
  return names;
}

} // namespace

void UpdateKeeper::start(Agent& agent) {
  // The operation is begun on the loop; there is nothing left to do in the background.
  const auto look = [this, &agent] {
    if (!due(agent)) return false;
    if (const auto begun = agent.begin_own(run_operation, {{"night", today(agent)}}); !begun)
      agent.log("security updates do not begin yet: " + describe(begun.error()));
    return false;
  };
  recurring_ = Recurring::start(agent, update_tick, weak_from_this(), look, [] {});
}

bool UpdateKeeper::due(Agent& agent) {
  const auto state = agent.state();
  const bool serves = state.pair && state.standing.primary == state.server && agent.may_serve() && agent.on_duty();
  if (!serves || !state.pair->host.security_updates || !agent.runbook().empty()) return false;
  const auto record = load(agent);
  // What a server did not bear is not tried again before somebody has looked.
  return !record.broke && updates_are_due(today(agent), local_time(agent).tm_hour, record.day);
}

UpdateKeeper::Record UpdateKeeper::load(Agent& agent) {
  const std::lock_guard held(record_work_);
  if (record_) return *record_;
  record_.emplace();
  const auto kept = record_file(agent).load();
  if (!kept || !*kept) return *record_; // what is not known is done once more
  const auto json = peer::parse_json((*kept)->content);
  try {
    if (json)
      record_ = Record{.day = json->at("day"),
                       .at = json->at("at"),
                       .waiting = json->at("waiting"),
                       .problem = json->at("problem"),
                       .broke = json->at("broke")};
  } catch (const Json::exception&) { // of another shape
  }
  return *record_;
}

void UpdateKeeper::change(Agent& agent, const std::function<void(Record&)>& work) {
  auto record = load(agent);
  work(record);
  const std::lock_guard held(record_work_);
  record_ = record;
  const Json json{{"day", record.day}, {"at", record.at}, {"problem", record.problem}, {"waiting", record.waiting}};
  if (const auto stored = record_file(agent).store(peer::to_text(json)); !stored)
    agent.log("what became of the security updates cannot be kept: " + describe(stored.error()));
}

std::vector<std::string> UpdateKeeper::problems_now(Agent& agent) {
  return pair_status(look_context(agent))["problems"].get<std::vector<std::string>>();
}

Result<void> UpdateKeeper::wait_until_well(OperationContext& context, const std::string& server,
                                           const std::vector<std::string>& before) {
  const auto until = context.ports().clock.boot_time() + patience_with_recovery;
  std::vector<std::string> problems;
  for (int well = 0; context.ports().clock.boot_time() < until;) {
    if (context.cancelled()) return fail(ErrorKind::unavailable, "ended before all servers had their turn");
    problems = new_problems(before, problems_now(context.agent()));
    well = problems.empty() ? well + 1 : 0;
    if (well == looks_in_a_row) return {};
    system::pause_thread(between_looks_at_it);
  }
  return failed(fmt::format("{} is not well after its updates: {}", server, join(problems, "; ")),
                "Look at it; tandem updates install goes on, and none are installed by themselves before that");
}

Result<Json> UpdateKeeper::install_here(OperationContext& context) {
  auto& agent = context.agent();
  const Agent::Change change_here(agent);
  const auto snapshot = context.snapshot();
  // A server that is alone has no other day for them.
  const bool serves = snapshot.standing.primary == snapshot.server && !snapshot.peers.empty();
  const auto settings = agent.settings().state_folder + "/updates.conf";
  TANDEM_CHECK(context.ports().files.write(settings, update_configuration(serves), 0644, {}));
  const auto wanted = [&]() -> Result<void> {
    if (!context.cancelled()) return {};
    return fail(ErrorKind::unavailable, "ended before " + snapshot.server + " had its turn");
  };
  TANDEM_CHECK(wanted());
  TANDEM_TRY(const auto before, context.ports().packages.installed());
  context.report(snapshot.server + ": security updates");
  TANDEM_CHECK(system::run_checked(context.ports().processes,
                                   {.arguments = {"apt-get", "-q", "update"}, .time_limit = longest_update}));
  TANDEM_CHECK(wanted());
  TANDEM_CHECK(install_by_debian(context, settings));
  TANDEM_TRY(const auto after, context.ports().packages.installed());
  TANDEM_TRY(const auto simulated,
             system::run_checked(context.ports().processes, {.arguments = {"apt-get", "-q", "--simulate", "upgrade"}}));
  const auto waiting = waiting_updates(simulated.output);
  change(agent, [&](Record& record) {
    record.at = utc_text(agent.ports().clock);
    record.waiting = waiting;
  });
  return Json{{"installed", changed(before, after)}, {"waiting", waiting}};
}

Result<Json> UpdateKeeper::in_turn(OperationContext& context, bool& broke) {
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary, which begins the servers' turns",
                "Run the same command on the primary; `tandem status` names it");
  TANDEM_TRY(const auto pair, context.load_pair());
  if (!pair->host.security_updates)
    return fail(ErrorKind::refused, "tandem.toml does not ask for them",
                "[host] security_updates = true, tandem apply");
  Json servers = Json::array();
  const auto took_its_turn = [&](const std::string& name, Json answer) {
    answer["name"] = name;
    servers.push_back(std::move(answer));
  };
  for (const auto& peer : snapshot.peers) {
    if (!peer.connected)
      return fail(ErrorKind::unavailable, peer.name + " does not answer, and a primary is never updated before it");
    const auto before = problems_now(context.agent());
    TANDEM_TRY(auto answer, context.call_peer(peer.name, "server.update", Json::object(),
                                              [&](const Json& event) { context.report_event(event); },
                                              {.time_limit = longest_update}));
    const auto well = wait_until_well(context, peer.name, before);
    broke = !well;
    TANDEM_CHECK(well);
    took_its_turn(peer.name, std::move(answer));
  }
  if (context.cancelled()) return fail(ErrorKind::unavailable, "ended before all servers had their turn");
  TANDEM_TRY(auto own, install_here(context));
  took_its_turn(snapshot.server, std::move(own));
  return Json{{"servers", std::move(servers)}};
}

// The night counts from the beginning: what fails is told, and not tried again until the next. A person's turn does
// not.
Result<Json> UpdateKeeper::install_everywhere(OperationContext& context) {
  auto& agent = context.agent();
  const auto night = context.params().value("night", "");
  change(agent, [&](Record& record) {
    if (!night.empty()) record.day = night;
    record.problem = "they were cut off";
  });
  bool broke = false;
  auto done = in_turn(context, broke);
  change(agent, [&](Record& record) {
    record.problem = done ? "" : describe(done.error());
    record.broke = broke;
  });
  agent.log(done ? "security updates: every server had its turn" : "security updates: " + describe(done.error()));
  return done;
}

void UpdateKeeper::add_status(const OperationContext& context, Json& status) {
  const auto snapshot = context.snapshot();
  if (!snapshot.pair || !snapshot.pair->host.security_updates) return;
  const auto record = load(context.agent());
  status["updates"] = {{"at", record.at}, {"waiting", record.waiting}};
  if (!record.problem.empty()) status["problems"].push_back("security updates: " + record.problem);
  std::vector<std::string> left;
  std::ranges::copy_if(record.waiting, std::back_inserter(left), is_left_while_serving);
  if (!left.empty() && snapshot.standing.primary == snapshot.server)
    status["problems"].push_back(fmt::format("security updates of {} wait until it is a standby: visitors would notice "
                                             "them (tandem switchover, then tandem updates install)",
                                             join(left, ", ")));
  if (const auto reboot = context.ports().files.status("/run/reboot-required"); reboot && *reboot)
    status["problems"].push_back(reboot_problem);
}

void bind_updates(Settings& settings, std::vector<Operation>& operations) {
  const auto keeper = std::make_shared<UpdateKeeper>();
  operations.push_back({.name = run_operation,
                        .callers = {Caller::command},
                        .locks = {"apply"},
                        .apart = true,
                        .run = [keeper](OperationContext& context) { return keeper->install_everywhere(context); }});
  operations.push_back({.name = "server.update",
                        .callers = {Caller::peer},
                        .locks = {"apply"},
                        .apart = true,
                        .run = [keeper](OperationContext& context) { return keeper->install_here(context); }});
  tell_in_status(settings, keeper);
  start_with_member(settings, keeper);
}

} // namespace tandem::agent
