// The run of a switchover or a failover as it would be opened now: who, which epoch, and what its texts name.
#include "agent/failover_steps.hpp"
#include "agent/switchover_steps.hpp"
#include "base/text.hpp"
#include "dns/records.hpp"
#include "replication/queue/queue.hpp"
#include "role/failover.hpp"
#include "role/switchover.hpp"
#include "sites/celery.hpp"
#include "sites/jobs.hpp"
#include "sites/layout.hpp"

namespace tandem::agent {

namespace {

std::string health_commands(const model::Pair& pair) {
  std::vector<std::string> lines;
  for (const auto& site : pair.sites)
    lines.push_back(
        fmt::format("curl -fsS -o /dev/null --resolve {0}:443:127.0.0.1 -k https://{0}{1}", site.domain, site.health));
  return join(lines, "\n");
}

std::string promote_commands(const model::Pair& pair) {
  std::vector<std::string> lines{
      fmt::format("rm -f {}; systemctl restart redis-server@queue redis-server", replication::queue_copy_file)};
  if (pair.cache.memcached) lines.emplace_back("systemctl restart memcached");
  for (const auto& site : pair.sites)
    for (const auto& command : site.on_promote)
      lines.push_back(fmt::format("cd /www/{} && sudo -u {} env/bin/{}", site.domain, site.owner, command));
  return join(lines, "\n");
}

std::string work_commands(const model::Pair& pair) {
  std::vector<std::string> units;
  const auto add = [&](const std::string& unit) { units.push_back("'" + unit + "'"); };
  for (const auto& site : pair.sites) {
    for (const auto& job : site.jobs)
      add(sites::job_timer(site, job));
    if (!site.celery) continue;
    for (const auto& worker : site.celery->workers)
      add(sites::worker_unit(site, worker));
    if (site.celery->beat) add(sites::beat_unit(site));
  }
  return units.empty() ? "true   # no site has jobs or workers" : "systemctl start " + join(units, " ");
}

// By the names' records as they would be if they all led to the old primary alone.
std::string dns_commands(const model::Pair& pair, const role::Opening& opening) {
  if (pair.dns.provider == "none") return "true   # nobody has said who changes names";
  std::vector<std::string> lines;
  for (const auto& name : dns::names_of(pair)) {
    const dns::Change change{.name = name,
                             .zone = {},
                             .from = dns::addresses_of(*pair.server(opening.from)),
                             .to = dns::addresses_of(*pair.server(opening.to))};
    lines.push_back(pair.dns.provider == "rfc2136"
                        ? dns::update_command(pair.dns.server, change, static_cast<std::uint32_t>(pair.dns.ttl.count()))
                        : "true   # change by hand: " + dns::to_text(change));
  }
  return join(lines, "\n");
}

// Of each site that has a release here.
struct Applications {
  std::vector<std::string> units;
  std::vector<std::string> shown; // commands that let nginx find them
};

Applications applications_of(Agent& agent, const model::Pair& pair) {
  const sites::Layout layout{.state = agent.settings().state_folder};
  Applications all;
  for (const auto& site : pair.sites) {
    const auto link = agent.ports().files.status(layout.site_link(site.domain));
    if (!link || !*link) continue;
    const auto release = (*link)->target.substr((*link)->target.rfind('/') + 1);
    all.units.push_back("'" + sites::site_unit(site.domain, release) + "'");
    all.shown.push_back(fmt::format("ln -sfn {}.sock {}", release, layout.current_socket(site.domain)));
  }
  if (all.shown.empty()) all.shown.emplace_back("true   # no site has a release");
  return all;
}

Result<std::string> only_other(const model::Pair& pair, const std::string& self) {
  const auto others = others_in(pair, self);
  if (others.size() == 1) return others.front();
  if (others.empty())
    return fail(
        ErrorKind::refused, "this pair has one server only; there is none to switch to",
        "A second [[server]] in tandem.toml, `tandem init --token` here and `tandem join` there make it a pair");
  return fail(ErrorKind::invalid, "say which server is to take over: " + join(others, ", "));
}

role::Parameters parameters_of(Agent& agent, const model::Pair& pair, const role::Opening& opening,
                               const system::PostgresLayout& layout, bool cut_requests) {
  std::vector<std::string> excludes;
  for (const auto& pattern : pair.files.exclude)
    excludes.push_back("--exclude='" + pattern + "'");
  for (const auto& site : pair.sites)
    for (const auto& inbox : pair.inboxes(site)) // anchored: in the folder that is replicated with it
      for (const auto& root : pair.files.replicate)
        if (inbox.starts_with(root + "/")) excludes.push_back("--exclude='" + inbox.substr(root.size()) + "/*'");
  const auto applications = applications_of(agent, pair);
  role::Parameters parameters{{"old_address", pair.server(opening.from)->peer_address},
                              {"new_address", pair.server(opening.to)->peer_address},
                              {"database", layout.unit},
                              {"data", layout.data},
                              {"programs", layout.binaries},
                              {"applications", join(applications.units, " ")},
                              {"show", join(applications.shown, "\n")},
                              {"folders", join(pair.files.replicate, " ")},
                              {"excludes", join(excludes, " ")},
                              {"health", health_commands(pair)},
                              {"on_promote", promote_commands(pair)},
                              {"dns", dns_commands(pair, opening)},
                              {"start_work", work_commands(pair)},
                              {"drain", std::to_string(pair.role.drain.count())},
                              {"hold", std::to_string(pair.role.hold.count())}};
  if (cut_requests) parameters["cut_requests"] = "yes";
  return parameters;
}

// Unique in the pair: no server begins two runs in one millisecond.
std::string id_of(Agent& agent, const role::Opening& opening) {
  return fmt::format(
      "{}-{}-{}", opening.epoch, opening.leader,
      std::chrono::duration_cast<std::chrono::milliseconds>(agent.ports().clock.wall_time().time_since_epoch())
          .count());
}

} // namespace

Result<role::Opening> failover_opening(Agent& agent, DutyKeeper& keeper, const FailoverWish& wish,
                                       const Survey& survey) {
  const auto now = snapshot_of(agent);
  if (!now.pair) return failed("tandem.toml cannot be read", "tandem check");
  const auto others = others_in(*now.pair, now.server);
  if (others.empty())
    return fail(
        ErrorKind::refused, "this pair has one server only; there is nothing to take over",
        "A second [[server]] in tandem.toml, `tandem init --token` here and `tandem join` there make it a pair");
  role::Opening opening{.runbook = std::string(role::failover().name), .to = now.server, .leader = now.server};
  const auto& primary = now.standing.primary;
  opening.from = primary.empty() || primary == now.server ? others.front() : primary;
  if (now.pair->server(opening.from) == nullptr)
    return fail(ErrorKind::invalid, "tandem.toml has no server " + opening.from);
  bool serves = false;
  agent.on_loop([&] {
    const auto& role = keeper.role();
    serves = role.role().session.serving;
    opening.epoch = role::failover_epoch(role.role(), keeper.runs().failover_floor());
  });
  if (serves) return fail(ErrorKind::refused, now.server + " is the primary already, and serves", "tandem status");
  opening.id = id_of(agent, opening);
  opening.reason = fmt::format("failover from {} to {}", opening.from, opening.to);
  TANDEM_TRY(const auto tools, database_tools(agent, now.server, {}));
  opening.parameters = parameters_of(agent, *now.pair, opening, tools.layout, false);
  opening.parameters["off"] = join(std::vector(wish.alone.begin(), wish.alone.end()), " ");
  // One that answers and does not serve well is asked to stop; one that serves only where the operator said so.
  opening.parameters["insist"] = "yes";
  opening.parameters["wal"] = survey.wal;
  return opening;
}

Result<role::Opening> switchover_opening(Agent& agent, RoleKeeper& role, const std::string& to, bool cut_requests) {
  const auto now = snapshot_of(agent);
  if (!now.pair) return failed("tandem.toml cannot be read", "tandem check");
  role::Opening opening;
  opening.runbook = role::switchover().name;
  opening.from = now.standing.primary.empty() ? now.server : now.standing.primary;
  opening.to = to;
  opening.leader = opening.from;
  if (to.empty()) {
    TANDEM_TRY(opening.to, only_other(*now.pair, opening.from));
  }
  if (now.pair->server(opening.to) == nullptr)
    return fail(ErrorKind::invalid, "tandem.toml has no server " + opening.to,
                "It has " + now.server + ", " + join(others_in(*now.pair, now.server), ", "));
  if (opening.to == opening.from)
    return fail(ErrorKind::refused, opening.to + " is the primary already", "tandem status");
  agent.on_loop([&] { opening.epoch = role::next_epoch(role.role().kept); });
  opening.id = id_of(agent, opening);
  opening.reason = fmt::format("switchover from {} to {}", opening.from, opening.to);
  TANDEM_TRY(const auto tools, database_tools(agent, now.server, {}));
  opening.parameters = parameters_of(agent, *now.pair, opening, tools.layout, cut_requests);
  return opening;
}

} // namespace tandem::agent
