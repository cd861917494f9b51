// Every step here may be performed again after an interruption.
#include "role/promotion.hpp"

namespace tandem::role {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using enum Place;

} // namespace

Step preparation(Step step) {
  step.side = Side::before;
  return step;
}

Step completion(Step step) {
  step.side = Side::after;
  return step;
}

std::vector<Step> promotion() {
  return {
      completion({.id = "take",
                  .place = new_primary,
                  .title = "{new} takes epoch {epoch}",
                  .what = "It stores the epoch and makes the marker.",
                  .commands = {store_epoch, "touch /primary_server"},
                  .limit = seconds(5),
                  .visitors_wait = true}),
      completion({.id = "promote",
                  .place = new_primary,
                  .title = "Promote PostgreSQL on {new}",
                  .what = "It ends recovery and writes.",
                  .commands = {"sudo -u postgres psql -c 'select pg_promote()'"},
                  .check = "PostgreSQL on {new} is out of recovery and takes a write",
                  .limit = seconds(60),
                  .visitors_wait = true}),
      completion({.id = "on-promote",
                  .place = new_primary,
                  .title = "Promote the queue and run the sites' own steps on {new}",
                  .what = "Redis' queue takes writes. The caches are emptied, Redis' and, where [cache] has one, "
                          "memcached's: what they kept is of another time. Then the on_promote steps of each site, in "
                          "order of importance.",
                  .commands = {"{on_promote}"},
                  .limit = minutes(5),
                  .visitors_wait = true}),
      completion({.id = "health",
                  .place = new_primary,
                  .title = "Ask the sites on {new} the health question",
                  .what = "Each site must answer below 400 before a visitor reaches it.",
                  .commands = {"{show}", "rm -f /run/tandem/follows/*; systemctl start nginx", "{health}"},
                  .limit = minutes(2),
                  .visitors_wait = true}),
      completion({.id = "open-gate",
                  .place = new_primary,
                  .title = "Open {new}'s gate",
                  .what = "{new} serves whoever reaches it.",
                  .commands = {"touch /run/tandem/serving"},
                  .limit = seconds(5),
                  .visitors_wait = true}),
  };
}

Step switch_dns() {
  return completion(
      {.id = "switch-dns",
       .place = Place::new_primary,
       .title = "Let the sites' names lead to {new}",
       .what = "In the order of the sites' importance, where [dns] says how. One that cannot be changed keeps "
               "no other from it, is told, and is tried again later. Resolvers go on with the old address "
               "until their copies expire; {old} passes those visitors on.",
       .commands = {"{dns}"},
       .limit = minutes(2)});
}

Step start_work() {
  return completion({.id = "start-work",
                     .place = Place::new_primary,
                     .title = "Let jobs and workers begin on {new}",
                     .what =
                         "The sites' jobs run on the primary only, at the times that tandem.toml gives them, and so "
                         "do Celery's workers and beat.",
                     .commands = {"{start_work}"},
                     .limit = seconds(30)});
}

} // namespace tandem::role
