// Every step here may be performed again after an interruption, and so may its undo.
#include "role/failover.hpp"

#include "base/text.hpp"
#include "role/promotion.hpp"

namespace tandem::role {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using enum Place;

std::vector<Step> before_taking_over() {
  return {
      preparation(
          {.id = "fence",
           .place = new_primary,
           .title = "Make sure that {old} can no longer write",
           .what = "An agent that answers there stops PostgreSQL and promises never to serve at this epoch; else the "
                   "command of [role] fence switches {old} off, or the operator has said that it is off.",
           .commands = {"# switch {old} off at its power or its hosting company: two servers that write cannot be "
                        "made one again"},
           .check = "no other server can serve any more",
           .limit = minutes(3)}),
      preparation({.id = "hold-visitors",
                   .place = new_primary,
                   .title = "Let visitors wait at {new}",
                   .what = "Who reaches {new} from now on waits for a moment instead of being sent to {old}.",
                   .commands = {"systemctl stop nginx   # by hand nobody can be held: visitors see errors until it is "
                                "opened"},
                   .undo = "send visitors on to {old} again",
                   .undo_commands = {"systemctl start nginx"},
                   .limit = seconds(5),
                   .visitors_wait = true}),
      {.id = "take-over",
       .place = new_primary,
       .side = Side::grant,
       .title = "Take epoch {epoch}",
       .what =
           "{new} stores \"epoch {epoch} is mine\"; when {old} comes back it learns this and follows. From here on it "
           "only goes forward.",
       .commands = {store_epoch},
       .limit = seconds(5),
       .visitors_wait = true},
  };
}

Runbook make_failover() {
  Runbook runbook{
      "failover",
      "the primary is gone: {new} takes over with what it has",
      "first \"systemctl stop tandem.service tandem-gate.socket\" on {new}, and start both again at the end",
      {}};
  for (auto part : {before_taking_over(), promotion()})
    for (auto& step : part)
      runbook.steps.push_back(std::move(step));
  runbook.steps.push_back(switch_dns());
  runbook.steps.push_back(start_work());
  return runbook;
}

} // namespace

const Runbook& failover() {
  static const Runbook runbook = make_failover();
  return runbook;
}

Epoch failover_floor(const Progress& latest, const std::string& self) {
  const bool of_another = latest.is_open() && latest.opening.leader != self;
  return of_another ? latest.opening.epoch + 1 : 0;
}

Event failover_event(EventKind kind, const Opening& opening) {
  Event event{.kind = kind};
  if (const auto off = opening.parameters.find("off"); off != opening.parameters.end())
    for (auto& server : split(off->second, ' '))
      if (!server.empty()) event.off.insert(std::move(server));
  event.insist = opening.parameters.contains("insist");
  event.at_least = opening.epoch;
  event.note.reason = opening.reason;
  return event;
}

} // namespace tandem::role
