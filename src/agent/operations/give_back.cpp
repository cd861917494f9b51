#include "agent/operations/give_back.hpp"

#include "agent/giving_back.hpp"
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

// The pair's standbys, and what is asked of them one after the other.
class StandbysByHand {
public:
  StandbysByHand(OperationContext& context, const model::ByHand& by_hand)
      : context_(context), by_hand_(by_hand), mark_(context.ports().files, context.agent().settings().state_folder) {}

  // Those that are not done yet have to answer.
  Result<void> find(const Snapshot& snapshot, const model::Pair& pair) {
    for (const auto& server : pair.servers) {
      if (server.name == snapshot.server) continue;
      const auto known = std::ranges::find(snapshot.peers, server.name, &peer::PeerState::name);
      const bool there = known != snapshot.peers.end() && known->connected;
      TANDEM_TRY(const bool done, mark_.says(GiveBackMark::done(server.name)));
      if (!there && !done)
        return fail(ErrorKind::unavailable, server.name + " does not answer, and has to be given back as well",
                    "When it will never come back: take it out of tandem.toml, then: tandem remove --gone " +
                        server.name);
      names_.push_back(server.name);
      if (there && !done) present_.push_back(server.name);
      if (there) leaving_.push_back(server.name);
    }
    return {};
  }

  Result<std::vector<Json>> ask(const std::string& stage) {
    std::vector<Json> answers;
    for (const auto& standby : stage == "leave" ? leaving_ : present_) {
      auto answer =
          context_.call_peer(standby, "server.give_back", {{"stage", stage}, {"by_hand", sites::to_text(by_hand_)}},
                             [&](const Json& event) { context_.report_event(event); }, {.time_limit = stage_limit});
      if (!answer) return std::unexpected(std::move(answer).error().within(standby));
      answers.push_back(std::move(*answer));
      if (stage == "rest") TANDEM_CHECK(mark_.add(GiveBackMark::done(standby)));
    }
    return answers;
  }

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

private:
  OperationContext& context_;
  const model::ByHand& by_hand_;
  GiveBackMark mark_;
  std::vector<std::string> names_;
  std::vector<std::string> present_; // that are not done
  std::vector<std::string> leaving_; // that have not left
};

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

Result<Json> give_back(OperationContext& context, ReleaseWork& releases) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary",
                snapshot.standing.primary.empty() ? "tandem status" : "Run it on " + snapshot.standing.primary);
  TANDEM_TRY(const auto pair, context.load_pair());
  TANDEM_TRY(auto known, read_by_hand(context.ports().files, agent.settings().configuration_file));
  const auto by_hand = sites::of_pair(*pair, std::move(known));
  StandbysByHand standbys(context, by_hand);
  TANDEM_CHECK(standbys.find(snapshot, *pair));
  TANDEM_TRY(const auto locks, lock_sites(context, releases.locks, *pair));
  const Agent::Change change(agent);
  const auto files = releases.files->wait();
  const auto database = agent.urgent_database_work();
  GivingBack here(context, pair, by_hand, releases.applications);
  TANDEM_CHECK(here.check());
  TANDEM_TRY(const auto known_there, standbys.ask("check"));
  std::vector<std::string> slots;
  for (const auto& standby : known_there)
    if (auto slot = standby.value("slot", std::string()); !slot.empty()) slots.push_back(std::move(slot));
  TANDEM_CHECK(here.begin());
  context.log("this pair is given back to hands");
  TANDEM_CHECK(here.serve_sites());
  TANDEM_CHECK(standbys.ask("follow"));
  TANDEM_CHECK(here.give_database(slots));
  TANDEM_CHECK(here.give_front());
  TANDEM_CHECK(here.end_duty());
  TANDEM_CHECK(here.give_rest());
  TANDEM_CHECK(standbys.ask("rest"));
  TANDEM_CHECK(standbys.ask("leave"));
  TANDEM_CHECK(here.leave());
  context.log("this pair is as it was set up by hand");
  end_after_answer(context);
  Json servers = standbys.names();
  servers.push_back(snapshot.server);
  return Json{{"servers", std::move(servers)}};
}

// Each stage does what an earlier one may have left.
Result<Json> give_back_standby(OperationContext& context, system::Applications& applications) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  TANDEM_TRY(const auto stage, peer::text_member(context.params(), "stage"));
  TANDEM_TRY(const auto text, peer::text_member(context.params(), "by_hand"));
  TANDEM_TRY(const auto by_hand, sites::by_hand_from(text));
  if (context.from() != snapshot.standing.primary)
    return fail(ErrorKind::refused, context.from() + " is not the primary");
  if (!snapshot.pair) return failed("tandem.toml cannot be read on " + snapshot.server);
  GivingBack here(context, snapshot.pair, by_hand, applications);
  TANDEM_TRY(const auto slot, here.check());
  if (stage == "check") return Json{{"slot", slot}};
  const Agent::Change change(agent);
  const auto database = agent.urgent_database_work();
  TANDEM_CHECK(here.begin());
  TANDEM_CHECK(here.end_duty());
  if (stage == "leave") {
    TANDEM_CHECK(here.leave());
    end_after_answer(context);
    return Json::object();
  }
  TANDEM_CHECK(here.follow_by_hand());
  if (stage == "follow") return Json::object();
  TANDEM_CHECK(here.give_database({}));
  TANDEM_CHECK(here.give_front());
  TANDEM_CHECK(here.give_rest());
  return Json::object();
}

} // namespace

Operation give_back_operation(std::shared_ptr<ReleaseWork> releases) {
  return {.name = "give_back",
          .callers = {Caller::command},
          .locks = {"membership", "apply"},
          .apart = true,
          .run = [releases](OperationContext& context) { return give_back(context, *releases); }};
}

Operation server_give_back_operation(system::Applications& applications) {
  return {.name = "server.give_back",
          .callers = {Caller::peer},
          .locks = {"membership", "apply"},
          .apart = true,
          .run = [&applications](OperationContext& context) { return give_back_standby(context, applications); }};
}

} // namespace tandem::agent
