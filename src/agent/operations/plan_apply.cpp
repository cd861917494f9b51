// `tandem plan` and `tandem apply`: the pair's half. Idempotent: what is true already is not made again.
#include "agent/agent.hpp"
#include "agent/configuration.hpp"
#include "agent/give_back_mark.hpp"
#include "agent/host_keys.hpp"
#include "agent/operations/all.hpp"
#include "agent/operations/replication.hpp"
#include "agent/operations/setup.hpp"
#include "agent/reaction_turns.hpp"
#include "agent/server_setup.hpp"
#include "agent/taking_over.hpp"
#include "base/text.hpp"
#include "setup/setup.hpp"
#include "sites/by_hand.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

#include <thread>

namespace tandem::agent {

namespace {

constexpr std::chrono::minutes apply_limit{60};
constexpr std::chrono::minutes catching_up{2};
constexpr std::chrono::milliseconds ask_again{300};

// The configuration as it lies here now, and what follows from it for all servers.
struct Orders {
  SetupInput own;
  Json params;                      // for the others
  std::vector<std::string> present; // other servers that answer
  std::vector<std::string> absent;  // in tandem.toml, but not joined yet or not reachable
};

// A server that falls silent just now is absent.
Result<std::vector<system::AccountTable>> all_accounts(const OperationContext& context, Orders& orders) {
  TANDEM_TRY(auto own, context.ports().accounts.read());
  std::vector<system::AccountTable> tables{std::move(own)};
  std::optional<Error> problem;
  const auto others = orders.present;
  context.call_peers(
      others, "server.accounts", Json::object(), {}, [&](const std::string& server, const Result<Json>& answer) {
        if (!answer && answer.error().kind == ErrorKind::unavailable) {
          std::erase(orders.present, server);
          orders.absent.push_back(server);
          return;
        }
        if (!answer) {
          problem = Error(answer.error()).within("asking " + server + " for its users");
          return;
        }
        system::AccountTable table;
        for (const auto& user : answer->at("users"))
          table.users.push_back({.name = user.at(0), .uid = user.at(1), .gid = 0, .home = {}, .shell = {}});
        for (const auto& group : answer->value("groups", Json::array()))
          table.groups.push_back({.name = group.at(0), .gid = group.at(1), .members = {}});
        tables.push_back(std::move(table));
      });
  if (problem) return std::unexpected(std::move(*problem));
  return tables;
}

void sort_servers(Orders& orders, const Snapshot& snapshot) {
  for (const auto& server : orders.own.pair.servers) {
    if (server.name == snapshot.server) continue;
    const auto known = std::ranges::find(snapshot.peers, server.name, &peer::PeerState::name);
    const bool connected = known != snapshot.peers.end() && known->connected;
    (connected ? orders.present : orders.absent).push_back(server.name);
  }
}

// A server that is still part of the pair's role cannot be taken out by a change of the file alone.
Result<void> check_nobody_is_missing(const OperationContext& context, const model::Pair& pair) {
  auto& agent = context.agent();
  std::vector<std::string> members;
  agent.on_loop([&] {
    if (agent.settings().members) members = agent.settings().members(agent);
  });
  for (const auto& member : members)
    if (!member.empty() && pair.server(member) == nullptr)
      return fail(ErrorKind::refused, fmt::format("tandem.toml no longer has {}, which is one of the pair", member),
                  "tandem remove " + member + " takes it out; or put its [[server]] back");
  return {};
}

// The primary's, where partners send files. Without an answer of it nothing is changed about them.
Result<Json> shared_host_keys(const OperationContext& context, const Orders& orders) {
  const auto imports = [](const model::Site& site) { return site.import.has_value(); };
  if (std::ranges::none_of(orders.own.pair.sites, imports)) return Json::object();
  if (orders.own.primary == orders.own.self) return host_keys_here(context.ports().files);
  if (std::ranges::find(orders.present, orders.own.primary) == orders.present.end()) return Json::object();
  return context.call_peer(orders.own.primary, "server.host_keys", Json::object());
}

Result<Orders> orders_for(const OperationContext& context) {
  auto& files = context.ports().files;
  TANDEM_TRY(const auto configuration, check_configuration(files, context.agent().settings().configuration_file));
  TANDEM_CHECK(check_nobody_is_missing(context, *configuration.pair));
  const auto snapshot = context.snapshot();
  Orders orders;
  orders.own.pair = *configuration.pair;
  orders.own.self = snapshot.server;
  orders.own.primary = snapshot.standing.primary.empty() ? snapshot.server : snapshot.standing.primary;
  for (const auto& secret : configuration.secrets) {
    TANDEM_TRY(orders.own.secrets[secret.path], files.read(secret.path));
  }
  sort_servers(orders, snapshot);
  TANDEM_TRY(const auto tables, all_accounts(context, orders));
  TANDEM_TRY(orders.own.uids, setup::assign_uids(orders.own.pair, tables));
  TANDEM_TRY(orders.own.gids, setup::assign_gids(orders.own.pair, orders.own.uids, tables));
  TANDEM_TRY(auto packed, pack(files, configuration));
  TANDEM_TRY(auto host_keys, shared_host_keys(context, orders));
  TANDEM_TRY(auto by_hand, read_by_hand(files, context.agent().settings().configuration_file));
  orders.own.by_hand = sites::of_pair(orders.own.pair, std::move(by_hand));
  TANDEM_TRY(orders.own.host_keys, host_keys_of(host_keys));
  TANDEM_TRY(orders.own.kept, GiveBackMark(files, context.agent().settings().state_folder).given_up());
  orders.params = {{"configuration", std::move(packed)},
                   {"host_keys", std::move(host_keys)},
                   {"by_hand", sites::to_text(orders.own.by_hand)},
                   {"kept", orders.own.kept},
                   {"uids", orders.own.uids},
                   {"gids", orders.own.gids},
                   {"primary", orders.own.primary}};
  return orders;
}

Json answer_of(const std::string& server, const Result<Json>& answer) {
  Json entry = answer ? *answer : Json{{"text", server + ": " + describe(answer.error()) + "\n"}, {"failed", "all"}};
  entry["name"] = server;
  return entry;
}

Result<Json> plan(OperationContext& context) {
  TANDEM_TRY(const auto orders, orders_for(context));
  // This server reads itself on a thread of its own while the others do.
  Result<Json> own = Json();
  std::jthread here([&] { own = plan_here(context.agent(), orders.own); });
  Json servers = Json::array();
  context.call_peers(
      orders.present, "server.plan", orders.params, {},
      [&](const std::string& server, const Result<Json>& answer) { servers.push_back(answer_of(server, answer)); });
  here.join();
  TANDEM_CHECK(own);
  servers.insert(servers.begin(), answer_of(orders.own.self, own));
  if (orders.own.self == orders.own.primary)
    if (const auto may = check_sites_by_hand(context.ports().files, orders.own.pair, orders.own.by_hand); !may)
      servers[0]["text"] =
          servers[0].value("text", "") + "`tandem apply` would refuse this: " + may.error().message + "\n";
  std::uint64_t changes = 0;
  for (const auto& server : servers)
    changes += server.value("changes", std::uint64_t{0});
  return Json{{"servers", std::move(servers)}, {"changes", changes}, {"absent", orders.absent}};
}

// A standby lowers some of PostgreSQL's settings only after its primary, when it has come to that place in the WAL.
Result<void> wait_until_it_may(const OperationContext& context, const std::string& server, const Json& params) {
  auto& clock = context.ports().clock;
  const auto end = clock.boot_time() + catching_up;
  for (bool told = false;; told = true) {
    TANDEM_TRY(const auto planned, context.call_peer(server, "server.plan", params));
    const auto held_back = planned.value("held_back", std::vector<std::string>());
    if (held_back.empty()) return {};
    if (context.cancelled() || clock.boot_time() >= end)
      return fail(ErrorKind::unavailable, "PostgreSQL here has not come to where it may lower " + join(held_back, ", "),
                  "`tandem apply` does it once the database has caught up");
    if (!told) context.report(fmt::format("{}: waiting until PostgreSQL may lower {}", server, join(held_back, ", ")));
    system::pause_thread(ask_again);
  }
}

// What such a standby left undone. An answer takes the place of its first one when it is a failure.
void apply_the_rest(const OperationContext& context, const Orders& orders, Json& servers) {
  for (auto& server : servers) {
    const auto name = server.at("name").get<std::string>();
    if (server.value("held_back", Json::array()).empty() || name == orders.own.self) continue;
    const auto report = [&](const Json& event) { context.report_event(event); };
    const auto may = wait_until_it_may(context, name, orders.params);
    auto answer = may ? context.call_peer(name, "server.apply", orders.params, report, {.time_limit = apply_limit})
                      : Result<Json>(std::unexpected(may.error()));
    context.agent().turns().forget(name);
    if (!answer || answer->contains("failed")) server = answer_of(name, answer);
  }
}

Result<Json> apply(OperationContext& context, ReleaseWork& releases) {
  auto& turns = context.agent().turns();
  const GiveBackMark mark(context.ports().files, context.agent().settings().state_folder);
  TANDEM_TRY(const bool going, mark.says(GiveBackMark::begun));
  if (going)
    return fail(ErrorKind::refused, "this pair is being given back to hands, and has not been in full",
                "tandem adopt --undo goes on with it");
  TANDEM_TRY(const auto orders, orders_for(context));
  if (orders.own.self == orders.own.primary)
    TANDEM_CHECK(check_sites_by_hand(context.ports().files, orders.own.pair, orders.own.by_hand));
  turns.begin();
  for (const auto& server : orders.absent)
    context.report(server + " does not answer; it is left out, and gets its part by `tandem apply` once it does");
  TANDEM_CHECK(spread_configuration(context, orders.present));
  // This server works on a thread of its own while the others' progress comes in on this one.
  Result<Json> own = Json();
  std::jthread here([&] {
    OwnTurns own_turns(turns, orders.own.self, TurnOf::apply);
    own = apply_here(context, orders.params, own_turns, releases.applications);
    turns.forget(orders.own.self);
  });
  Json servers = Json::array();
  context.call_peers(
      orders.present, "server.apply", orders.params,
      [&](const std::string& /*server*/, const Json& event) { context.report_event(event); },
      [&](const std::string& server, const Result<Json>& answer) {
        turns.forget(server);
        servers.push_back(answer_of(server, answer));
      },
      {.time_limit = apply_limit});
  here.join();
  servers.insert(servers.begin(), answer_of(orders.own.self, own));
  const bool all_done = std::ranges::none_of(servers, [](const Json& server) { return server.contains("failed"); });
  if (all_done && !context.cancelled() && orders.own.self == orders.own.primary) {
    TANDEM_CHECK(copy_databases(context, orders.present));
    apply_the_rest(context, orders, servers);
  }
  return Json{{"servers", std::move(servers)}, {"absent", orders.absent}};
}

} // namespace

Operation plan_operation() {
  return {.name = "plan", .callers = {Caller::command}, .run = plan};
}

Operation apply_operation(std::shared_ptr<ReleaseWork> releases) {
  return {.name = "apply",
          .callers = {Caller::command},
          .locks = {"apply"},
          .apart = true,
          .run = [releases](OperationContext& context) { return apply(context, *releases); }};
}

} // namespace tandem::agent
