// `tandem status`. Reads only.
#include "agent/agent.hpp"
#include "agent/operations/all.hpp"
#include "agent/operations/sites_status.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::milliseconds peer_limit{700};

std::int64_t clock_ms(const OperationContext& context) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(context.ports().clock.wall_time().time_since_epoch())
      .count();
}

// What this server knows of itself.
Json own_status(const OperationContext& context, const Snapshot& snapshot) {
  Json running;
  std::map<std::string, std::string> failures;
  context.agent().on_loop([&] {
    running = context.agent().running();
    failures = context.agent().failures();
  });
  Json status{{"name", snapshot.server},
              {"reachable", true},
              {"version", snapshot.version},
              {"epoch", snapshot.standing.epoch},
              {"primary", snapshot.standing.primary},
              {"clock_ms", clock_ms(context)},
              {"operations", running}};
  for (const auto& [what, failure] : failures)
    status["problems"].push_back(fmt::format("the latest {} {}", what, failure));
  for (const auto& part : context.agent().settings().status_parts)
    part(context, status);
  return status;
}

Result<Json> server_status(OperationContext& context) {
  return own_status(context, context.snapshot());
}

Json unreachable(const peer::PeerState& peer, const std::string& why) {
  Json status{{"name", peer.name}, {"reachable", false}, {"problem", why}};
  if (peer.standing) {
    status["epoch"] = peer.standing->epoch;
    status["primary"] = peer.standing->primary;
  }
  return status;
}

Json not_initialised(const Snapshot& snapshot) {
  return {
      {"pair", nullptr},
      {"version", snapshot.version},
      {"servers", Json::array()},
      {"problems", Json::array({"this server belongs to no pair yet: `tandem init` or `tandem join` changes that"})}};
}

Result<Json> status(OperationContext& context) {
  return pair_status(context);
}

} // namespace

Json pair_status(const OperationContext& context) {
  const Snapshot snapshot = context.snapshot();
  if (snapshot.pair_id.empty()) return not_initialised(snapshot);
  std::map<std::string, Json> by_name;
  std::vector<std::string> connected;
  for (const auto& peer : snapshot.peers) {
    by_name[peer.name] = unreachable(peer, peer.problem);
    if (peer.connected) connected.push_back(peer.name);
  }
  const auto asked = clock_ms(context);
  context.call_peers(connected, "server.status", Json::object(), {},
                     [&](const std::string& server, const Result<Json>& answer) {
                       if (!answer) {
                         by_name[server]["problem"] = answer.error().message;
                         return;
                       }
                       by_name[server] = *answer;
                       // It told its time about half-way between the question and the answer.
                       by_name[server]["clock_ahead_ms"] =
                           answer->value("clock_ms", std::int64_t{0}) - (asked + clock_ms(context)) / 2;
                     },
                     {.time_limit = peer_limit});
  by_name[snapshot.server] = own_status(context, snapshot);

  Json problems = Json::array();
  if (!snapshot.problem.empty()) problems.push_back(fmt::format("{}: {}", snapshot.server, snapshot.problem));
  Json servers = Json::array();
  for (auto& [name, server] : by_name) {
    if (!server.value("reachable", false))
      problems.push_back(fmt::format("{} does not answer: {}", name, server.value("problem", "")));
    for (const auto& problem : server.value("problems", Json::array()))
      problems.push_back(fmt::format("{}: {}", name, problem.get<std::string>()));
    servers.push_back(std::move(server));
  }
  compare_clocks(servers, problems);
  compare_servers(servers, snapshot.standing.primary, problems);
  return Json{{"pair", snapshot.pair ? snapshot.pair->name : snapshot.pair_id},
              {"self", snapshot.server},
              {"version", snapshot.version},
              {"servers", std::move(servers)},
              {"problems", std::move(problems)}};
}

Operation status_operation() {
  return {.name = "status", .callers = {Caller::command}, .needs_pair = false, .run = status};
}

Operation server_status_operation() {
  return {.name = "server.status", .callers = {Caller::peer}, .run = server_status};
}

} // namespace tandem::agent
