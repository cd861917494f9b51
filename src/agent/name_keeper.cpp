#include "agent/name_keeper.hpp"

#include "base/text.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using std::chrono::milliseconds;

constexpr auto name_tick = std::chrono::seconds(5);
constexpr std::chrono::seconds between_name_looks{60};
constexpr std::chrono::seconds between_name_tries{15};
constexpr std::chrono::seconds verify_patience{15};

dns::Tools dns_tools(Agent& agent, const std::function<bool()>& ended) {
  return {
      .processes = agent.ports().processes, .clock = agent.ports().clock, .pause = [&agent, ended](milliseconds time) {
        system::pause_thread(time);
        return !agent.ending() && !ended();
      }};
}

bool may_lead(Agent& agent) {
  bool may = false;
  agent.on_loop([&] { may = agent.may_serve() && agent.state().standing.primary == agent.state().server; });
  return may;
}

Json name_json(const std::string& name, const dns::Records& records, bool right) {
  Json told{{"name", name}, {"a", records.a}, {"aaaa", records.aaaa}, {"ttl", records.ttl}, {"right", right}};
  if (!records.cname.empty()) told["alias"] = records.cname;
  return told;
}

} // namespace

void NameKeeper::start(Agent& agent, DutyKeeper& duties) {
  recurring_ = Recurring::start(
      agent, name_tick, weak_from_this(), [this, &agent, &duties] { return due(agent, duties); },
      [this, &agent] { work(agent); });
}

bool NameKeeper::due(Agent& agent, DutyKeeper& duties) {
  const auto pair = agent.state().pair;
  const bool serves =
      duties.part() == DutyKeeper::Part::primary && !duties.runs().is_open() && agent.may_serve() && agent.on_duty();
  if (!serves || !pair || pair->dns.provider == "none") {
    if (duties.part() == DutyKeeper::Part::standby) pending_ = false; // another server's business now
    latest_ = {};
    next_.reset();
    return false;
  }
  return !next_ || agent.ports().clock.boot_time() >= *next_;
}

void NameKeeper::work(Agent& agent) {
  bool again = false;
  agent.on_loop([&] { again = pending_; });
  if (again)
    lead_here(agent, [&agent](const std::string& line) { agent.log(line); }, [] { return false; });
  else
    keep(agent, look(agent, [] { return false; }));
  agent.on_loop(
      [&] { next_ = agent.ports().clock.boot_time() + (pending_ ? between_name_tries : between_name_looks); });
}

// A server that does not answer is asked once.
NameKeeper::Look NameKeeper::look(Agent& agent, const std::function<bool()>& ended) {
  Look found;
  const auto now = snapshot_of(agent);
  if (!now.pair || now.pair->server(now.server) == nullptr) return found;
  const auto tools = dns_tools(agent, ended);
  for (const auto& name : dns::names_of(*now.pair)) {
    if (ended()) return found;
    const auto records = dns::look_up(tools, now.pair->dns, name);
    if (!records) {
      found.problems.push_back(records.error().message);
      if (records.error().kind == ErrorKind::unavailable) return found;
      continue;
    }
    const auto verdict = dns::judge(name, *records, *now.pair, *now.pair->server(now.server));
    if (!verdict.strange.empty()) found.problems.push_back(verdict.strange);
    if (verdict.change) {
      found.changes.push_back(*verdict.change);
      found.problems.push_back(
          fmt::format("{} does not lead to the primary: {} is to be made", name, dns::to_text(*verdict.change)));
    }
    found.names.push_back({name, *records, !verdict.change && verdict.strange.empty()});
  }
  return found;
}

void NameKeeper::lead_here(Agent& agent, const Tell& tell, const std::function<bool()>& ended) {
  const auto now = snapshot_of(agent);
  if (!now.pair || now.pair->dns.provider == "none") return;
  const std::unique_lock held(work_, std::chrono::seconds(5));
  if (!held.owns_lock() || !may_lead(agent)) return;
  auto found = look(agent, ended);
  for (const auto& problem : found.problems)
    if (found.changes.empty()) tell("names: " + problem);
  auto problems = change(agent, found.changes, tell, ended);
  const bool unknown = found.names.size() < dns::names_of(*now.pair).size();
  const bool manual = now.pair->dns.provider == "manual";
  auto after = look(agent, ended);
  after.problems.insert(after.problems.begin(), problems.begin(), problems.end());
  const bool left = unknown || (!after.changes.empty() && !manual);
  keep(agent, std::move(after));
  agent.on_loop([&] { pending_ = left; });
}

// All of them first, in order; then it is made sure that each is known everywhere.
std::vector<std::string> NameKeeper::change(Agent& agent, const std::vector<dns::Change>& changes, const Tell& tell,
                                            const std::function<bool()>& ended) {
  const auto now = snapshot_of(agent);
  const auto tools = dns_tools(agent, ended);
  std::vector<std::string> problems;
  std::vector<dns::Change> made;
  const auto failed = [&](const Error& error) {
    problems.push_back(error.message);
    tell("names: " + describe(error));
  };
  for (const auto& one : changes) {
    if (ended() || !may_lead(agent)) return problems;
    const auto done = dns::carry_out(tools, now.pair->dns, one);
    if (done) {
      made.push_back(one);
      tell(fmt::format("names: {}; resolvers may go on with the old address for {} s", dns::to_text(one), one.old_ttl));
      continue;
    }
    failed(done.error());
    if (done.error().kind == ErrorKind::unavailable) break; // it is the same server for all of them
  }
  for (const auto& one : made)
    if (const auto known = dns::verify(tools, now.pair->dns, one, verify_patience); !known) failed(known.error());
  return problems;
}

void NameKeeper::keep(Agent& agent, Look found) {
  agent.on_loop([&] { latest_ = std::move(found); });
}

Json NameKeeper::look_now(Agent& agent) {
  auto found = look(agent, [] { return false; });
  Json names = Json::array();
  for (const auto& [name, records, right] : found.names)
    names.push_back(name_json(name, records, right));
  return {{"names", std::move(names)}, {"problems", found.problems}};
}

void NameKeeper::add_status(const OperationContext& context, Json& status) {
  Look latest;
  context.agent().on_loop([&] { latest = latest_; });
  if (latest.names.empty() && latest.problems.empty()) return;
  status["names"] = Json::array();
  for (const auto& [name, records, right] : latest.names)
    status["names"].push_back(name_json(name, records, right));
  for (const auto& problem : latest.problems)
    status["problems"].push_back("names: " + problem);
}

Operation dns_operation(std::shared_ptr<NameKeeper> keeper) {
  return {.name = "dns",
          .callers = {Caller::command},
          .run = [keeper = std::move(keeper)](OperationContext& context) -> Result<Json> {
            const auto now = context.snapshot();
            if (now.standing.primary != now.server)
              return fail(ErrorKind::refused, now.server + " is not the primary, to which the names are to lead",
                          now.standing.primary.empty() ? "tandem status"
                                                       : "Run the same command on " + now.standing.primary);
            TANDEM_TRY(const auto pair, context.load_pair());
            if (pair->dns.provider == "none")
              return fail(ErrorKind::refused, "tandem.toml does not say who changes the names", "[dns] provider");
            if (context.params().value("switch", false))
              keeper->lead_here(
                  context.agent(), [&](const std::string& line) { context.report(line); },
                  [&] { return context.cancelled(); });
            return keeper->look_now(context.agent());
          }};
}

} // namespace tandem::agent
