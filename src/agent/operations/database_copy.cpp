// `tandem database copy`: the standby does the work, the primary only holds back WAL for it. Idempotent.
#include "agent/events.hpp"
#include "agent/halt.hpp"
#include "agent/operations/replication.hpp"
#include "agent/times.hpp"
#include "peer/waiting.hpp"
#include "replication/database/first_copy.hpp"
#include "setup/setup.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::hours copy_limit{48};
constexpr auto* lock = "database";

// What lies kept beside the data directory is told until somebody has looked at it: what a call kept that was cut off
// before it could tell, too.
// Returns what was not told before.
Result<std::vector<std::string>> note_kept(Agent& agent, const replication::DatabaseTools& tools) {
  Events events(agent.ports().files, agent.settings().state_folder);
  TANDEM_TRY(const auto told, events.list());
  TANDEM_TRY(const auto kept, replication::kept_data(tools.files, tools.layout));
  std::vector<std::string> fresh;
  for (const auto& data : kept) {
    const std::vector<std::string> paths{data.path};
    if (std::ranges::find(told, paths, &Event::paths) != told.end()) continue;
    fresh.push_back(data.path);
    TANDEM_CHECK(events.add(utc_text(agent.ports().clock),
                            data.wal ? "WAL that this server wrote alone, before it became a standby"
                                     : "the database as it was here before it became a copy of the primary's",
                            paths));
  }
  return fresh;
}

// An agent of an older version tells nothing but for a rewind.
replication::AskPast ask_past_of(Agent& agent, const std::string& primary) {
  return [&agent, primary](bool checkpoint) -> Result<replication::UpstreamPast> {
    const auto limit = checkpoint ? std::chrono::seconds(600) : std::chrono::seconds(10);
    TANDEM_TRY(const auto answer, ask_server(agent, primary, "database.prepare",
                                             {{"past", true}, {"rewind", checkpoint}}, {.time_limit = limit}));
    replication::UpstreamPast past;
    if (answer.contains("history")) {
      TANDEM_TRY(past.history, peer::text_member(answer, "history"));
    }
    TANDEM_TRY(const auto oldest, peer::text_member_or(answer, "oldest", "0/0"));
    past.oldest = replication::parse_wal(oldest).value_or(0);
    return past;
  };
}

// A person who asks for a copy does so because the standby does not follow.
replication::Copies copies_of(const OperationContext& context) {
  const bool asked = context.caller() == Caller::command || context.params().value("asked", false);
  return asked ? replication::Copies::also_when_late : replication::Copies::where_needed;
}

Result<Json> copy_here(OperationContext& context, const Snapshot& snapshot) {
  const auto& primary = snapshot.standing.primary;
  TANDEM_TRY(const auto pair, context.load_pair());
  TANDEM_TRY(const auto upstream, upstream_of(*pair, primary));
  TANDEM_TRY(const auto tools, database_tools(context.agent(), snapshot.server, [&context] {
               return context.cancelled() || context.agent().database_wanted();
             }));
  TANDEM_CHECK(context.call_peer(primary, "database.prepare", Json::object()));
  const std::lock_guard database(context.agent().database_work());
  const auto tell = [&](const std::string& line) { context.report(snapshot.server + ": " + line); };
  const auto done =
      replication::first_copy(tools, upstream, tell, ask_past_of(context.agent(), primary), copies_of(context));
  const auto kept = note_kept(context.agent(), tools); // of a copy that failed as well
  TANDEM_CHECK(done);
  TANDEM_CHECK(kept);
  Json servers = Json::array();
  servers.push_back(Json{{"name", snapshot.server}, {"copied", done->copied}, {"kept", *kept}});
  return Json{{"servers", std::move(servers)}};
}

// `asked`: by a person, for this and nothing else.
Result<Json> copy_to(OperationContext& context, const Snapshot& snapshot, const std::string& only, bool asked) {
  std::vector<std::string> servers;
  for (const auto& peer : snapshot.peers)
    if (only.empty() ? peer.connected : peer.name == only) servers.push_back(peer.name);
  if (servers.empty())
    return fail(ErrorKind::unavailable, only.empty() ? "no standby is connected" : "there is no server " + only,
                "tandem status");
  Json answers = Json::array();
  std::optional<Error> problem;
  context.call_peers(
      servers, "database.copy", {{"asked", asked}},
      [&](const std::string& /*server*/, const Json& event) { context.report_event(event); },
      [&](const std::string& server, const Result<Json>& answer) {
        if (answer)
          answers.push_back(answer->at("servers").at(0));
        else
          problem = Error(answer.error()).within("the database on " + server);
      },
      {.time_limit = copy_limit});
  if (problem) return std::unexpected(std::move(*problem));
  return Json{{"servers", std::move(answers)}};
}

Result<Json> copy(OperationContext& context) {
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  if (primary.empty()) return fail(ErrorKind::refused, "it is not known which server is the primary", "tandem status");
  if (primary != snapshot.server) return copy_here(context, snapshot);
  if (context.caller() == Caller::peer)
    return fail(ErrorKind::refused, snapshot.server + " is the primary; its database is no copy");
  TANDEM_TRY(const auto only, peer::text_member_or(context.params(), "server", ""));
  return copy_to(context, snapshot, only, true);
}

Result<Json> prepare(OperationContext& context) {
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary");
  TANDEM_TRY(const auto tools, database_tools(context.agent(), snapshot.server, {}));
  TANDEM_TRY(const auto standing, replication::database_standing(tools));
  if (standing.state != replication::DatabaseState::primary)
    return fail(ErrorKind::unavailable, fmt::format("PostgreSQL on {} is not a primary that runs, but {}",
                                                    snapshot.server, replication::name_of(standing.state)));
  TANDEM_CHECK(replication::ensure_slots(tools, {context.from()}));
  const bool rewind = context.params().value("rewind", false);
  if (rewind) TANDEM_CHECK(replication::checkpoint(tools));
  if (!rewind && !context.params().value("past", false)) return Json::object();
  const auto wal = tools.layout.data + "/pg_wal";
  TANDEM_TRY(const auto names, tools.files.list(wal));
  TANDEM_TRY(const auto control, replication::read_control(tools, tools.layout.data));
  std::string history;
  if (standing.timeline > 1) {
    TANDEM_TRY(history, tools.files.read(fmt::format("{}/{:08X}.history", wal, standing.timeline)));
  }
  return Json{{"history", history},
              {"oldest", replication::to_wal_text(replication::oldest_segment(names, control.segment_size))}};
}

} // namespace

namespace {

// Stands still where the file "halt" says "rejoin POINT".
std::function<Result<void>(std::string_view)> rejoin_halts(Agent& agent, std::function<bool()> ended) {
  return [&agent, ended = std::move(ended)](std::string_view point) {
    const auto tell = [&agent](const std::string& line) {
      agent.loop().post([&agent, line] { agent.log("the way back " + line); });
    };
    const Halting halting(HaltFile(agent.ports().files, agent.settings().run_folder), tell,
                          [&agent, ended] { return agent.ending() || (ended && ended()); });
    return halting.at(fmt::format("rejoin {}", point), fmt::format("before \"{}\"", point));
  };
}

} // namespace

Result<replication::DatabaseTools> database_tools(Agent& agent, const std::string& self,
                                                  const std::function<bool()>& ended) {
  auto& ports = agent.ports();
  TANDEM_TRY(const auto os_release, ports.files.read("/etc/os-release"));
  TANDEM_TRY(const auto release, setup::release_of(os_release));
  return replication::DatabaseTools{.files = ports.files,
                                    .processes = ports.processes,
                                    .services = ports.services,
                                    .databases = ports.databases,
                                    .clock = ports.clock,
                                    .layout = system::postgres_layout(release.postgres),
                                    .self = self,
                                    .pause =
                                        [ended](std::chrono::milliseconds time) {
                                          if (ended && ended()) return false;
                                          system::pause_thread(time);
                                          return true;
                                        },
                                    .reached = rejoin_halts(agent, ended)};
}

Result<replication::Upstream> upstream_of(const model::Pair& pair, const std::string& server) {
  const auto* found = pair.server(server);
  if (found == nullptr) return fail(ErrorKind::not_found, "tandem.toml has no server " + server);
  return replication::Upstream{server, found->peer_address};
}

Result<void> copy_databases(OperationContext& context, const std::vector<std::string>& servers) {
  const auto snapshot = context.snapshot();
  TANDEM_TRY(const auto tools, database_tools(context.agent(), snapshot.server, {}));
  const auto standing = replication::database_standing(tools);
  const auto follows = [&](const std::string& server) {
    return standing && std::ranges::any_of(standing->standbys, [&](const replication::StandbyLink& link) {
             return link.server == server && link.state == "streaming";
           });
  };
  for (const auto& server : servers)
    if (!follows(server)) TANDEM_CHECK(copy_to(context, snapshot, server, false));
  return {};
}

Result<void> follow_database(Agent& agent, const model::Pair& pair, const std::string& self,
                             const std::string& primary) {
  TANDEM_TRY(const auto upstream, upstream_of(pair, primary));
  // Waiting ends where the database is needed for something else, or this server is to follow another.
  const auto ended = [&agent, &primary] {
    if (agent.ending() || agent.database_wanted()) return true;
    std::string now;
    agent.on_loop([&] { now = agent.state().standing.primary; });
    return now != primary;
  };
  TANDEM_TRY(const auto tools, database_tools(agent, self, ended));
  TANDEM_CHECK(ask_server(agent, primary, "database.prepare", Json::object()));
  const std::lock_guard work(agent.database_work());
  const auto log = [&agent](const std::string& line) { agent.loop().post([&agent, line] { agent.log(line); }); };
  const auto done = replication::first_copy(tools, upstream, log, ask_past_of(agent, primary));
  // A list that cannot be written keeps nothing from following; status tells of it, and the next start tries again.
  if (const auto noted = note_kept(agent, tools); !noted) log("the list of events: " + describe(noted.error()));
  TANDEM_CHECK(done);
  return {};
}

Operation database_copy_operation() {
  return {
      .name = "database.copy", .callers = {Caller::command, Caller::peer}, .locks = {lock}, .apart = true, .run = copy};
}

Operation database_prepare_operation() {
  return {.name = "database.prepare", .callers = {Caller::peer}, .run = prepare};
}

} // namespace tandem::agent
