// Replication's part of `tandem status`. Reads only.
#include "agent/operations/replication.hpp"
#include "replication/database/problems.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using replication::DatabaseState;
using replication::to_wal_text;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const replication::DatabaseStanding& standing) {
  Json database{{"state", replication::name_of(standing.state)}};
  if (!standing.problem.empty()) database["problem"] = standing.problem;
  if (standing.state == DatabaseState::absent) return database;
  database["timeline"] = standing.timeline;
  database["position"] = to_wal_text(standing.position);
  if (standing.state == DatabaseState::standby) {
    database["received"] = to_wal_text(standing.received);
    database["replayed"] = to_wal_text(standing.replayed);
    database["receiver"] = standing.receiver;
    database["seconds_behind"] = or_null(standing.seconds_behind);
  }
  for (const auto& link : standing.standbys)
    database["standbys"].push_back({{"server", link.server},
                                    {"state", link.state},
                                    {"sync", link.sync},
                                    {"flushed", to_wal_text(link.flushed)},
                                    {"replayed", to_wal_text(link.replayed)},
                                    {"lag_bytes", or_null(link.lag_bytes)},
                                    {"lag_seconds", or_null(link.lag_seconds)}});
  for (const auto& slot : standing.slots)
    database["slots"].push_back(
        {{"name", slot.name}, {"active", slot.active}, {"wal_status", slot.wal_status}, {"held_back", slot.held_back}});
  return database;
}

void add_database(const OperationContext& context, const Snapshot& snapshot, Json& status) {
  const auto tools = database_tools(context.agent(), snapshot.server, {});
  const auto standing = tools ? replication::database_standing(*tools) : std::unexpected(tools.error());
  if (!standing) {
    status["problems"].push_back("the database: " + standing.error().message);
    return;
  }
  status["database"] = to_json(*standing);
  replication::DatabaseRole role{.self = snapshot.server, .primary = snapshot.standing.primary, .others = {}};
  for (const auto& peer : snapshot.peers)
    role.others.push_back(peer.name);
  if (snapshot.pair) role.lag_limit = static_cast<double>(snapshot.pair->alerts.replica_lag.count());
  for (auto& problem : replication::database_problems(*standing, role))
    status["problems"].push_back(std::move(problem));
}

void add_files(const Snapshot& snapshot, const FilesLedger& ledger, Json& status) {
  if (snapshot.standing.primary != snapshot.server) return;
  const auto entries = ledger.entries();
  Json standbys = Json::array();
  for (const auto& peer : snapshot.peers) {
    const auto found = entries.find(peer.name);
    const auto entry = found == entries.end() ? FilesLedger::Entry{} : found->second;
    Json standby{{"server", peer.name},
                 {"complete_to", entry.complete_to.empty() ? Json() : Json(entry.complete_to)},
                 {"streamed", entry.streamed}};
    if (!entry.problem.empty()) {
      standby["problem"] = entry.problem;
      status["problems"].push_back(fmt::format("files on {}: {}", peer.name, entry.problem));
    }
    if (entry.problem.empty() && !entry.stream_problem.empty())
      status["problems"].push_back(fmt::format("changes of files to {}: {}", peer.name, entry.stream_problem));
    const auto still = ledger.stands_still(peer.name);
    if (snapshot.pair && entry.problem.empty() && entry.stream_problem.empty() &&
        still > snapshot.pair->alerts.replica_lag)
      status["problems"].push_back(
          fmt::format("changes of files to {} have not got there for {} s", peer.name, still.count()));
    standbys.push_back(std::move(standby));
  }
  status["files"] = {{"standbys", std::move(standbys)}};
}

} // namespace

void add_replication_status(const OperationContext& context, Json& status, const FilesLedger& ledger) {
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary.empty()) return;
  add_database(context, snapshot, status);
  add_files(snapshot, ledger, status);
}

} // namespace tandem::agent
