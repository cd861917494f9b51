#include "agent/operations/give_back.hpp"

#include "agent/giving_back.hpp"
#include "agent/membership.hpp"
#include "agent/taking_over.hpp"
#include "sites/by_hand.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::minutes stage_limit{10};
constexpr std::chrono::milliseconds look_for_a_listener{50};
constexpr std::chrono::seconds longest_hearing{5};

// Once whoever asked has heard the answer, the agent starts anew.
void end_after_answer(const OperationContext& context) {
  auto& agent = context.agent();
  agent.in_background([&agent, context] {
    const auto until = agent.ports().clock.boot_time() + longest_hearing;
    while (context.is_heard() && agent.ports().clock.boot_time() < until)
      system::pause_thread(look_for_a_listener);
    agent.loop().post([&agent] { agent.stop(); });
  });
}

Result<void> ask_standbys(OperationContext& context, const std::vector<std::string>& standbys, const std::string& stage,
                          const model::ByHand& by_hand) {
  for (const auto& standby : standbys) {
    const auto answer =
        context.call_peer(standby, "server.give_back", {{"stage", stage}, {"by_hand", sites::to_text(by_hand)}},
                          [&](const Json& event) { context.report_event(event); }, {.time_limit = stage_limit});
    if (!answer) return std::unexpected(Error(answer.error()).within(standby));
  }
  return {};
}

Result<std::vector<std::string>> standbys_of(const Snapshot& snapshot, const model::Pair& pair) {
  std::vector<std::string> names;
  for (const auto& server : pair.servers) {
    if (server.name == snapshot.server) continue;
    const auto known = std::ranges::find(snapshot.peers, server.name, &peer::PeerState::name);
    if (known == snapshot.peers.end() || !known->connected)
      return fail(ErrorKind::unavailable, server.name + " does not answer, and has to be given back as well",
                  "When it will never come back: take it out of tandem.toml, then: tandem remove --gone " +
                      server.name);
    names.push_back(server.name);
  }
  return names;
}

Result<std::vector<sites::SiteLocks::Lock>> lock_sites(const OperationContext& context, sites::SiteLocks& locks,
                                                       const model::Pair& pair) {
  std::vector<sites::SiteLocks::Lock> held;
  for (const auto& site : pair.sites) {
    TANDEM_TRY(auto lock,
               locks.take(site.domain,
                          {.who = "root", .why = "tandem adopt --undo", .since = context.ports().clock.wall_time()}));
    held.push_back(std::move(lock));
  }
  return held;
}

Result<Json> give_back(OperationContext& context, const KeeperOf& keeper, ReleaseWork& releases) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary",
                snapshot.standing.primary.empty() ? "tandem status" : "Run it on " + snapshot.standing.primary);
  TANDEM_TRY(const auto pair, context.load_pair());
  TANDEM_TRY(auto known, read_by_hand(context.ports().files, agent.settings().configuration_file));
  const auto by_hand = sites::of_pair(*pair, std::move(known));
  TANDEM_TRY(const auto standbys, standbys_of(snapshot, *pair));
  TANDEM_TRY(const auto locks, lock_sites(context, releases.locks, *pair));
  const Agent::Change change(agent);
  const auto files = releases.files->wait();
  const auto database = agent.urgent_database_work();
  GivingBack here(context, pair, by_hand, releases.applications);
  TANDEM_CHECK(here.check());
  TANDEM_CHECK(ask_standbys(context, standbys, "check", by_hand));
  TANDEM_CHECK(here.begin());
  context.log("this pair is given back to hands");
  TANDEM_CHECK(here.serve_sites());
  TANDEM_CHECK(ask_standbys(context, standbys, "follow", by_hand));
  TANDEM_CHECK(here.give_database());
  agent.on_loop([&] { keeper(agent).leave(); });
  TANDEM_CHECK(here.give_rest());
  TANDEM_CHECK(ask_standbys(context, standbys, "rest", by_hand));
  TANDEM_CHECK(leave_pair(context.ports().files, agent.settings().state_folder));
  context.log("this pair is as it was set up by hand");
  end_after_answer(context);
  Json servers = standbys;
  servers.push_back(snapshot.server);
  return Json{{"servers", std::move(servers)}};
}

Result<Json> give_back_standby(OperationContext& context, const KeeperOf& keeper, system::Applications& applications) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  TANDEM_TRY(const auto stage, peer::text_member(context.params(), "stage"));
  TANDEM_TRY(const auto text, peer::text_member(context.params(), "by_hand"));
  TANDEM_TRY(const auto by_hand, sites::by_hand_from(text));
  if (context.from() != snapshot.standing.primary)
    return fail(ErrorKind::refused, context.from() + " is not the primary");
  if (!snapshot.pair) return failed("tandem.toml cannot be read on " + snapshot.server);
  GivingBack here(context, snapshot.pair, by_hand, applications);
  TANDEM_CHECK(here.check());
  if (stage == "check") return Json::object();
  const Agent::Change change(agent);
  agent.on_loop([&] { keeper(agent).leave(); });
  const auto database = agent.urgent_database_work();
  TANDEM_CHECK(here.begin());
  TANDEM_CHECK(here.follow_by_hand());
  if (stage == "follow") return Json::object();
  TANDEM_CHECK(here.give_database());
  TANDEM_CHECK(here.give_rest());
  TANDEM_CHECK(leave_pair(context.ports().files, agent.settings().state_folder));
  end_after_answer(context);
  return Json::object();
}

} // namespace

Operation give_back_operation(KeeperOf keeper, std::shared_ptr<ReleaseWork> releases) {
  return {.name = "give_back",
          .callers = {Caller::command},
          .locks = {"membership", "apply"},
          .apart = true,
          .run = [keeper, releases](OperationContext& context) { return give_back(context, keeper, *releases); }};
}

Operation server_give_back_operation(KeeperOf keeper, system::Applications& applications) {
  return {.name = "server.give_back",
          .callers = {Caller::peer},
          .locks = {"membership", "apply"},
          .apart = true,
          .run = [keeper, &applications](OperationContext& context) {
            return give_back_standby(context, keeper, applications);
          }};
}

} // namespace tandem::agent
