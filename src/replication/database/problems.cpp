#include "replication/database/problems.hpp"

namespace tandem::replication {

namespace {

using Problems = std::vector<std::string>;

void look_at_standby_of(const DatabaseStanding& standing, const std::string& server, double lag_limit,
                        Problems& problems) {
  const auto link = std::ranges::find(standing.standbys, server, &StandbyLink::server);
  const auto slot = std::ranges::find(standing.slots, system::replication_slot(server), &Slot::name);
  if (slot != standing.slots.end() && slot->wal_status == "lost")
    problems.push_back(server + " has been away for so long that its WAL is gone: it needs a new copy of the database "
                                "(tandem database copy)");
  else if (link == standing.standbys.end())
    problems.push_back(server + " does not follow the database" +
                       (slot != standing.slots.end() && slot->held_back > 0
                            ? fmt::format("; {} MB of WAL are kept for it", slot->held_back >> 20U)
                            : ""));
  else if (link->lag_seconds.value_or(0) > lag_limit)
    problems.push_back(fmt::format("the database on {} is {:.0f} s behind", server, *link->lag_seconds));
}

Problems of_primary(const DatabaseStanding& standing, const DatabaseRole& role) {
  if (standing.state == DatabaseState::standby) return {"the database is a standby, although this is the primary"};
  if (standing.state != DatabaseState::primary)
    return {"the database does not run" + (standing.problem.empty() ? "" : ": " + standing.problem)};
  Problems problems;
  for (const auto& server : role.others)
    look_at_standby_of(standing, server, role.lag_limit, problems);
  return problems;
}

Problems of_standby(const DatabaseStanding& standing, const DatabaseRole& role) {
  switch (standing.state) {
  case DatabaseState::absent:
  case DatabaseState::primary:
    return {"the database is no copy of " + role.primary + "'s yet (tandem apply on " + role.primary +
            " makes it one)"};
  case DatabaseState::stopped:
  case DatabaseState::starting:
    return {"the database does not run" + (standing.problem.empty() ? "" : ": " + standing.problem)};
  case DatabaseState::standby:
    break;
  }
  if (standing.receiver != "streaming") return {"the database does not follow " + role.primary};
  return {};
}

} // namespace

std::vector<std::string> database_problems(const DatabaseStanding& standing, const DatabaseRole& role) {
  return role.self == role.primary ? of_primary(standing, role) : of_standby(standing, role);
}

} // namespace tandem::replication
