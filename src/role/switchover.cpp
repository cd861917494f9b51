// Every step here may be performed again after an interruption, and so may its undo.
#include "role/switchover.hpp"

#include "role/promotion.hpp"

#include <array>

namespace tandem::role {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using enum Place;

constexpr std::string_view send_files_to_new = "for folder in {folders}; do rsync -aHAX --delete --modify-window=-1 "
                                               "{excludes} $folder/ {new_address}:$folder/; done";
constexpr std::string_view send_files_to_old = "for folder in {folders}; do rsync -aHAX --delete --modify-window=-1 "
                                               "{excludes} $folder/ {old_address}:$folder/; done";

std::vector<Step> before_visitors_wait() {
  return {
      preparation(
          {.id = "preflight",
           .place = coordinator,
           .title = "Check that {new} can take over",
           .what =
               "Replica lag, long transactions and versions. While the runbook is open no deploy and no apply begins.",
           .commands = {"sudo -u postgres psql -c 'select client_addr, state, replay_lag from pg_stat_replication'",
                        "sudo -u postgres psql -c \"select pid, now() - xact_start, query from pg_stat_activity where "
                        "xact_start < now() - interval '5 s'\""},
           .limit = seconds(30)}),
      preparation(
          {.id = "warm",
           .place = new_primary,
           .title = "Load the applications on {new}",
           .what = "uWSGI and nginx run on {new} against its read-only database, so that nothing has to start later.",
           .commands = {"systemctl start nginx", "systemctl restart {applications}   # none holds an old connection",
                        "systemctl is-active nginx {applications}"},
           .check = "each site answers its health question on {new}",
           .limit = minutes(2)}),
      preparation({.id = "flush-files",
                   .place = old_primary,
                   .title = "Send the files once more to {new}",
                   .what = "A first flush while visitors are served, so that the last one is short.",
                   .commands = {send_files_to_new},
                   .limit = minutes(30)}),
      preparation({.id = "end-work",
                   .place = old_primary,
                   .title = "Let the jobs and workers on {old} end",
                   .what =
                       "No job begins any more, workers take no more tasks, and what runs ends; visitors are served "
                       "meanwhile. What runs on for too long ends the switchover, or is ended where --cut-requests was "
                       "given.",
                   .commands = {"systemctl stop 'tandem-job-*.timer' 'tandem-beat-*' 'tandem-worker-*'",
                                "systemctl list-units 'tandem-job-*.service'   # none must be left"},
                   .undo = "let jobs and workers begin on {old} again",
                   .undo_commands = {"{start_work}"},
                   .limit = minutes(10)}),
      preparation(
          {.id = "checkpoint",
           .place = old_primary,
           .title = "Checkpoint on {old}",
           .what =
               "PostgreSQL writes out what is dirty now, so that its stop is short: the stop's own checkpoint would "
               "dominate the pause.",
           .commands = {"sudo -u postgres psql -c CHECKPOINT"},
           .limit = minutes(10)}),
  };
}

std::vector<Step> while_visitors_wait() {
  return {
      preparation({.id = "calm",
                   .place = old_primary,
                   .title = "Wait for a calm moment on {old} and close its gate",
                   .what = "Visitors wait as long as the slowest request in flight: the gate closes when none has been "
                           "under way for long, and opens again when one turns out to be slow. After a minute it is "
                           "left to the next steps. Before that, requests that came before nginx's configuration was "
                           "last changed have three minutes to end.",
                   .commands = {"ss -xn | grep /run/tandem-sites/ | wc -l   # the fewer, the better"},
                   .undo = "open {old}'s gate here",
                   .undo_commands = {"systemctl start nginx"},
                   .limit = minutes(5)}),
      preparation(
          {.id = "close-gate",
           .place = old_primary,
           .title = "Close {old}'s gate",
           .what = "New requests wait from now on; those in flight go on. At the most {hold} s.",
           .commands =
               {"systemctl stop nginx   # by hand nobody can be held: visitors see errors until {old}'s gate opens",
                "rm -f /run/tandem/serving"},
           .check = "no new request gets through",
           .undo = "open {old}'s gate here",
           .undo_commands = {"touch /run/tandem/serving", "systemctl start nginx"},
           .limit = seconds(5),
           .visitors_wait = true}),
      preparation(
          {.id = "drain",
           .place = old_primary,
           .title = "Let the requests in flight end",
           .what = "At the most {drain} s; longer ones end the switchover, or are cut where --cut-requests was given.",
           .commands = {"while pgrep -x nginx; do sleep 0.1; done"},
           .limit_parameter = "drain",
           .visitors_wait = true}),
      preparation({.id = "close-sockets",
                   .place = old_primary,
                   .title = "Hide the applications on {old} from nginx",
                   .what = "So that a slow upload that had passed the gate cannot reach the old application.",
                   .commands = {"systemctl stop {applications}", "rm -f /run/tandem-sites/*/current.sock"},
                   .undo = "start the applications on {old} anew",
                   .undo_commands = {"systemctl restart {applications}", "{show}"},
                   .limit = seconds(10),
                   .visitors_wait = true}),
      preparation(
          {.id = "hand-over-queue",
           .place = old_primary,
           .title = "Hand the queue over to {new}",
           .what = "Writes to Redis' queue on {old} wait from now on, and {new} confirms that it has all of it.",
           .commands = {"ssh {new_address} systemctl stop redis-server@queue", "systemctl stop redis-server@queue",
                        "rsync -a --delete /var/lib/redis/queue/ {new_address}:/var/lib/redis/queue/",
                        "ssh {new_address} systemctl start redis-server@queue",
                        "echo 'replicaof 127.0.0.1 6381' > /etc/redis/tandem-queue-copy.conf"},
           .check = "{new} has everything up to the offset at which writes stopped",
           .undo = "let the queue on {old} take writes again",
           .undo_commands = {"rm -f /etc/redis/tandem-queue-copy.conf", "systemctl start redis-server@queue"},
           .limit = seconds(5),
           .visitors_wait = true}),
      preparation({.id = "stop-database",
                   .place = old_primary,
                   .title = "Stop PostgreSQL on {old}, clean",
                   .what = "Sessions are ended, and the last WAL up to the shutdown record is sent before it stops.",
                   .commands = {"systemctl stop {database}",
                                "{programs}/pg_controldata -D {data} | grep -E 'cluster state|checkpoint location'"},
                   .precondition = "{new} streams from {old} without lag",
                   .check = "it was shut down clean",
                   .undo = "start PostgreSQL on {old} as the primary",
                   .undo_commands = {"systemctl start {database}"},
                   .limit = seconds(10),
                   .visitors_wait = true}),
      preparation(
          {.id = "last-files",
           .place = old_primary,
           .title = "Send the last files to {new}",
           .what = "Whatever was written since the first flush; they are under way since the database's stop began.",
           .commands = {send_files_to_new},
           .check = "{new} confirms the files complete to this moment",
           .limit = seconds(10),
           .visitors_wait = true}),
      preparation({.id = "confirm-wal",
                   .place = new_primary,
                   .title = "Confirm that {new} has all WAL",
                   .what = "Up to and with the shutdown record of {old}: nothing that was acknowledged can be lost.",
                   .commands = {"sudo -u postgres psql -Atc 'select pg_last_wal_receive_lsn()'   # at or after the "
                                "checkpoint location of {old}"},
                   .limit = seconds(5),
                   .visitors_wait = true}),
      {.id = "grant",
       .place = old_primary,
       .side = Side::grant,
       .title = "Give epoch {epoch} to {new}",
       .what = "{old} removes the marker, stores \"epoch {epoch} is {new}'s\" and only then sends it. From here on it "
               "only goes forward.",
       .commands = {"rm -f /primary_server", store_epoch},
       .undo = "make the marker on {old} again",
       .undo_commands = {"touch /primary_server"},
       .limit = seconds(5),
       .visitors_wait = true},
  };
}

std::vector<Step> after_the_promotion() {
  return {
      completion(
          {.id = "forward-gate",
           .place = old_primary,
           .title = "Open {old}'s gate towards {new}",
           .what = "The waiting requests, and all later ones with stale DNS, are answered by {new} through {old}.",
           .commands = {"mkdir -p /run/tandem/follows; rm -f /run/tandem/follows/*; touch /run/tandem/follows/{new}",
                        "systemctl start nginx   # without its agent it asks the server that it follows"},
           .check = "nobody waits at the gate any more",
           .limit = seconds(5),
           .visitors_wait = true}),
      switch_dns(),
      start_work(),
      completion({.id = "follow",
                  .place = old_primary,
                  .title = "{old} follows {new}",
                  .what = "When the visitors who waited have been answered: PostgreSQL on {old} starts as a standby of "
                          "{new}, and its applications run warm again.",
                  .commands = {"sudo -u postgres touch {data}/standby.signal", "systemctl start {database}",
                               "systemctl start redis-server@queue", "systemctl restart {applications}"},
                  .check = "{old} streams from {new}",
                  .limit = minutes(10)}),
      completion(
          {.id = "turn-files",
           .place = new_primary,
           .title = "Files flow from {new} to {old}",
           .what = "The direction of the file replication turns round.",
           .commands = {send_files_to_old, "systemctl start tandem-gate.socket tandem.service   # on both servers"},
           .limit = minutes(2),
           .needs_old = true}),
  };
}

Runbook make_switchover() {
  Runbook runbook{
      "switchover",
      "a planned change of primary: nothing is lost, and visitors wait instead of failing",
      "first \"systemctl stop tandem.service tandem-gate.socket\" on both servers; it needs root's ssh key of each "
      "server on the other",
      {}};
  for (auto part : {before_visitors_wait(), while_visitors_wait(), promotion(), after_the_promotion()})
    for (auto& step : part)
      runbook.steps.push_back(std::move(step));
  return runbook;
}

} // namespace

const Runbook& switchover() {
  static const Runbook runbook = make_switchover();
  return runbook;
}

std::span<const std::string_view> switchover_parameters() {
  static constexpr auto names = std::to_array<std::string_view>(
      {"old_address", "new_address", "database", "data", "programs", "applications", "folders", "excludes", "health",
       "on_promote", "show", "dns", "start_work", "drain", "hold"});
  return names;
}

} // namespace tandem::role
