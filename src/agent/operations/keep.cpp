#include "agent/agent.hpp"
#include "agent/give_back_mark.hpp"
#include "agent/operations/give_back.hpp"
#include "agent/orders.hpp"
#include "sites/layout.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto* check_stage = "check";
constexpr auto* keep_stage = "keep";

// A site that is not deployed is served from a folder that its first deploy moves, on each server by itself.
Result<void> may_keep(const OperationContext& context, const model::Pair& pair) {
  auto& files = context.ports().files;
  const auto& state = context.agent().settings().state_folder;
  TANDEM_TRY(const bool going, GiveBackMark(files, state).says(GiveBackMark::begun));
  if (going)
    return fail(ErrorKind::refused, "this pair is being given back to hands, and has not been in full",
                "tandem adopt --undo goes on with it");
  TANDEM_TRY(const auto orders, KeptOrders(files, state).latest());
  if (!orders)
    return fail(ErrorKind::refused, "the latest `tandem apply` here has not ended well",
                "tandem apply, then this again");
  for (const auto& site : pair.sites) {
    TANDEM_TRY(const auto status, files.status(sites::Layout().site_link(site.domain)));
    if (status && status->type == system::FileType::folder)
      return fail(ErrorKind::refused, site.domain + " is served as it was set up by hand",
                  "tandem deploy " + site.domain + ", then this again");
  }
  return {};
}

Result<std::vector<std::string>> standbys_of(const Snapshot& snapshot, const model::Pair& pair) {
  std::vector<std::string> names;
  for (const auto& server : pair.servers) {
    if (server.name == snapshot.server) continue;
    const auto known = std::ranges::find(snapshot.peers, server.name, &peer::PeerState::name);
    if (known == snapshot.peers.end() || !known->connected)
      return fail(ErrorKind::unavailable, server.name + " does not answer, and has to be told as well",
                  "tandem status");
    names.push_back(server.name);
  }
  return names;
}

Result<void> give_up_here(const OperationContext& context) {
  TANDEM_CHECK(GiveBackMark(context.ports().files, context.agent().settings().state_folder).give_up());
  context.log("this server stays with tandem: it has no way back to hands");
  return {};
}

// All of them may before any of them does.
Result<Json> keep(OperationContext& context) {
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary",
                snapshot.standing.primary.empty() ? "tandem status" : "Run it on " + snapshot.standing.primary);
  TANDEM_TRY(const auto pair, context.load_pair());
  const GiveBackMark mark(context.ports().files, context.agent().settings().state_folder);
  TANDEM_TRY(const bool leads, mark.leads_back());
  TANDEM_TRY(const bool done, mark.given_up());
  if (!leads && !done)
    return fail(ErrorKind::refused, snapshot.server + " was not taken over from hands: there is no way back");
  TANDEM_CHECK(may_keep(context, *pair));
  TANDEM_TRY(const auto standbys, standbys_of(snapshot, *pair));
  for (const auto* stage : {check_stage, keep_stage})
    for (const auto& standby : standbys)
      if (auto told = context.call_peer(standby, "server.keep", {{"stage", stage}}); !told)
        return std::unexpected(std::move(told).error().within(standby));
  TANDEM_CHECK(give_up_here(context)); // last: what was cut off can be typed again
  Json servers = standbys;
  servers.push_back(snapshot.server);
  return Json{{"servers", std::move(servers)}};
}

Result<Json> keep_standby(OperationContext& context) {
  const auto snapshot = context.snapshot();
  if (context.from() != snapshot.standing.primary)
    return fail(ErrorKind::refused, context.from() + " is not the primary");
  if (!snapshot.pair) return failed("tandem.toml cannot be read on " + snapshot.server);
  TANDEM_TRY(const auto stage, peer::text_member(context.params(), "stage"));
  TANDEM_CHECK(may_keep(context, *snapshot.pair));
  if (stage == keep_stage) TANDEM_CHECK(give_up_here(context));
  return Json::object();
}

} // namespace

Operation keep_operation() {
  return {.name = "keep", .callers = {Caller::command}, .locks = {"membership", "apply"}, .apart = true, .run = keep};
}

Operation server_keep_operation() {
  return {.name = "server.keep",
          .callers = {Caller::peer},
          .locks = {"membership", "apply"},
          .apart = true,
          .run = keep_standby};
}

} // namespace tandem::agent
