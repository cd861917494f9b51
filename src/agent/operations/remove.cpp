#include "agent/operations/remove.hpp"

#include "agent/duties.hpp"
#include "agent/import_spools.hpp"
#include "agent/operations/replication.hpp"
#include "agent/orders.hpp"
#include "base/text.hpp"
#include "replication/database/running.hpp"
#include "sites/serving.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::minutes leave_limit{2};
constexpr std::chrono::milliseconds look_for_the_end{50};
constexpr std::chrono::seconds longest_goodbye{5};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::vector<std::string> members_of(Agent& agent) {
  std::vector<std::string> names;
  agent.on_loop([&] { names = agent.settings().members(agent); });
  return names;
}

// What the latest apply asked for has that server, and what follows from it: nothing is to be made so again.
Result<void> forget_orders(OperationContext& context) {
  return KeptOrders(context.ports().files, context.agent().settings().state_folder).forget();
}

// A slot that nobody uses keeps WAL until the disk is full.
Result<void> forget_here(OperationContext& context, const KeeperOf& keeper, const std::string& server) {
  TANDEM_CHECK(forget_orders(context));
  TANDEM_TRY(const auto tools,
             database_tools(context.agent(), context.snapshot().server, [&context] { return context.cancelled(); }));
  {
    const std::lock_guard work(context.agent().database_work());
    TANDEM_CHECK(replication::drop_slot(tools, server));
  }
  return keeper(context.agent()).role().dismiss(server); // last: until then it can be done again
}

Result<bool> let_go(OperationContext& context, const Removal& removal) {
  if (!removal.reachable) return false;
  context.report(fmt::format("{} stops what it runs for the pair, and leaves", removal.server));
  TANDEM_CHECK(context.call_peer(removal.server, "member.leave", Json::object(), {}, {.time_limit = leave_limit}));
  return true;
}

Result<Json> remove(OperationContext& context, const KeeperOf& keeper) {
  TANDEM_TRY(const auto pair, context.load_pair());
  const auto snapshot = context.snapshot();
  Removal removal{.server = {}, .self = snapshot.server, .primary = snapshot.standing.primary};
  TANDEM_TRY(removal.server, peer::text_member(context.params(), "server"));
  removal.gone = context.params().value("gone", false);
  removal.members = members_of(context.agent());
  context.agent().on_loop([&] { removal.serving = keeper(context.agent()).role().role().session.serving; });
  for (const auto& server : pair->servers)
    removal.configured.push_back(server.name);
  for (const auto& peer : snapshot.peers)
    if (peer.name == removal.server) removal.reachable = peer.connected;
  TANDEM_CHECK(check_removal(removal));
  TANDEM_TRY(const bool told, let_go(context, removal));
  for (const auto& other : removal.members)
    if (other != removal.self && other != removal.server)
      TANDEM_CHECK(context.call_peer(other, "member.forget", {{"server", removal.server}}));
  TANDEM_CHECK(forget_here(context, keeper, removal.server));
  context.agent().on_loop([&] { context.agent().adopt(pair); }); // which hangs up on it
  context.log(removal.server + " is none of the pair any more");
  return Json{{"server", removal.server}, {"told", told}};
}

Result<Json> forget(OperationContext& context, const KeeperOf& keeper) {
  TANDEM_TRY(const auto server, peer::text_member(context.params(), "server"));
  TANDEM_CHECK(forget_here(context, keeper, server));
  return Json::object();
}

// The loop goes on until the one that asked has heard the answer and has hung up.
void end_after_goodbye(OperationContext& context) {
  auto& agent = context.agent();
  agent.in_background([&agent, asker = context.from()] {
    const auto until = agent.ports().clock.boot_time() + longest_goodbye;
    const auto is_there = [&] {
      const auto peers = snapshot_of(agent).peers;
      const auto found = std::ranges::find(peers, asker, &peer::PeerState::name);
      return found != peers.end() && found->connected;
    };
    while (is_there() && agent.ports().clock.boot_time() < until)
      system::pause_thread(look_for_the_end);
    agent.loop().post([&agent] { agent.stop(); });
  });
}

// nginx stays as a signpost: it passes on what is under way to this server, and whoever still comes by a stale DNS.
Result<void> stop_what_runs(OperationContext& context, system::Applications& applications) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  TANDEM_TRY(const auto tools, database_tools(agent, snapshot.server, [&context] { return context.cancelled(); }));
  TANDEM_CHECK(agent.ports().files.remove(marker_file));
  TANDEM_CHECK(on_gate(agent, [&](Gate& gate) { return gate.open_to_peer(context.from()); }));
  sites::Serving serving(
      {.ports = agent.ports(), .applications = applications, .layout = {.state = agent.settings().state_folder}});
  if (snapshot.pair)
    for (const auto& site : snapshot.pair->sites)
      TANDEM_CHECK(serving.stop(site));
  const std::lock_guard work(agent.database_work());
  TANDEM_TRY(const auto status, agent.ports().services.status(tools.layout.unit));
  if (status.load == "loaded" && status.active != "inactive")
    TANDEM_CHECK(agent.ports().services.stop(tools.layout.unit));
  TANDEM_CHECK(forget_orders(context));
  return leave_pair(agent.ports().files, agent.settings().state_folder);
}

// Nobody would hand them over later.
Result<void> check_uploads(Agent& agent) {
  for (const auto& domain : sites_with_uploads(agent)) {
    TANDEM_TRY(const auto held, uploads_held(agent, domain));
    if (!held.empty())
      return fail(ErrorKind::refused, fmt::format("uploads for {} are here and not with the primary yet", domain),
                  "Wait, or decide about those that failed: tandem imports");
  }
  return {};
}

Result<Json> leave(OperationContext& context, const KeeperOf& keeper, system::Applications& applications) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary == snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is the primary; it cannot leave");
  TANDEM_CHECK(check_uploads(agent));
  agent.on_loop([&] { keeper(agent).leave(); });
  const auto left = stop_what_runs(context, applications);
  agent.log(left ? "this server has left the pair" : "leaving the pair: " + describe(left.error()));
  end_after_goodbye(context); // after a failure too: the agent that starts again takes its duty up anew
  if (!left) return std::unexpected(left.error());
  return Json::object();
}

} // namespace

Result<void> check_removal(const Removal& removal) {
  const auto& server = removal.server;
  if (removal.primary != removal.self)
    return fail(ErrorKind::refused,
                server == removal.primary || removal.primary.empty()
                    ? fmt::format("{} is the primary, and this server is not",
                                  removal.primary.empty() ? "none" : removal.primary)
                    : fmt::format("{} is a standby; a server is taken out on the primary", removal.self),
                removal.primary.empty() ? "tandem status" : "Run it on " + removal.primary);
  if (!removal.serving)
    return fail(ErrorKind::refused,
                fmt::format("{} does not serve, so that it cannot know whether {} does", removal.self, server),
                "tandem status");
  if (server == removal.self)
    return fail(ErrorKind::refused, server + " is the primary, and serves",
                "tandem switchover, then remove it on the new primary");
  if (contains(removal.configured, server))
    return fail(ErrorKind::refused, fmt::format("tandem.toml still has {}", server),
                "Take its [[server]] out of the file first, then run this again");
  if (!contains(removal.members, server))
    return fail(ErrorKind::not_found, fmt::format("{} is none of the pair's servers", server),
                "They are " + join(removal.members, ", "));
  if (!removal.reachable && !removal.gone)
    return fail(ErrorKind::unavailable, server + " does not answer, so that it cannot be told to stop",
                "When it will never come back: tandem remove --gone " + server);
  return {};
}

Operation remove_operation(KeeperOf keeper) {
  return {.name = "remove",
          .callers = {Caller::command},
          .locks = {"membership", "apply"},
          .apart = true,
          .run = [keeper](OperationContext& context) { return remove(context, keeper); }};
}

Operation member_forget_operation(KeeperOf keeper) {
  return {.name = "member.forget",
          .callers = {Caller::peer},
          .locks = {"membership", "apply"},
          .urgency = Urgency::own,
          .run = [keeper](auto& context) { return forget(context, keeper); }};
}

Operation member_leave_operation(KeeperOf keeper, system::Applications& applications) {
  return {.name = "member.leave",
          .callers = {Caller::peer},
          .locks = {"membership", "apply"},
          .urgency = Urgency::own,
          .apart = true,
          .run = [keeper, &applications](OperationContext& context) { return leave(context, keeper, applications); }};
}

} // namespace tandem::agent
