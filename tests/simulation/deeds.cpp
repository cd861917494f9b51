// What the switchover's steps do to a simulated server.
#include "simulation/world.hpp"

#include <fmt/format.h>

namespace tandem::testing {

namespace {

bool holds_prefix(const std::vector<int>& longer, const std::vector<int>& shorter) {
  return longer.size() >= shorter.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

} // namespace

Result<Node*> Node::linked_peer(const std::string& peer) {
  auto& node = shared_.node(peer);
  if (!node.up() || node.hangs() || !shared_.network.linked(name(), peer))
    return fail(ErrorKind::unavailable, peer + " does not answer");
  return &node;
}

Result<void> Node::carry_out(const role::Call& call) {
  disk.power.point();
  auto result = call.phase == role::Phase::undo ? undo_deed(call) : deed(call);
  disk.power.point();
  if (result && shared_.random.chance(shared_.network.weather.loss / 2)) return failed("it went wrong");
  return result;
}

Result<void> Node::deed_of_failover(const role::Call& call) {
  const auto& opening = call.opening;
  if (call.step == "fence" && call.phase == role::Phase::action) {
    const auto out = apply(role::failover_event(role::EventKind::prepare, opening));
    if (out.refused) return fail(ErrorKind::refused, out.sentence);
  }
  if (call.step == "fence" && call.phase == role::Phase::check) {
    const auto event = role::failover_event(role::EventKind::prepare, opening);
    if (!uncovered(members_, role(), event).empty()) return fail(ErrorKind::unavailable, "a promise is missing");
  }
  if (call.step == "promote" && shared_.drop_rows && !rows.empty()) rows.erase(rows.begin());
  if (call.step == "hold-visitors") set_gate(Gate::closed);
  if (call.step == "take-over") {
    if (failover_epoch(role(), opening.epoch) != opening.epoch) return failed("the epoch is not the next one any more");
    const auto event = role::failover_event(role::EventKind::failover, opening);
    if (!uncovered(members_, role(), event).empty()) return failed("a promise is missing");
    const auto out = apply(event);
    if (out.refused) return fail(ErrorKind::refused, out.sentence);
  }
  return {};
}

Result<void> Node::deed(const role::Call& call) {
  const auto& id = call.step;
  const auto& opening = call.opening;
  const auto other = name() == opening.from ? opening.to : opening.from;
  if (opening.runbook == "failover") TANDEM_CHECK(deed_of_failover(call));
  if (call.phase == role::Phase::precondition && id != "stop-database") return {};
  if (call.phase == role::Phase::check && id != "promote") return {};

  if (id == "warm") return machine.postgres == Postgres::standby ? Result<void>{} : failed("it is no standby");
  if (id == "flush-files" || id == "last-files" || id == "turn-files") {
    TANDEM_TRY(auto* peer, linked_peer(other));
    const bool left_out = id == "last-files" && shared_.keep_last_files;
    if (!left_out && !send_files(*peer, files, shared_.schedule.now()))
      return fail(ErrorKind::refused, name() + " is not the primary that " + other + " knows");
  }
  if (id == "close-gate") set_gate(Gate::closed);
  if (id == "close-sockets") machine.applications = false;
  if (id == "stop-database") {
    TANDEM_TRY(auto* peer, linked_peer(other));
    if (peer->machine.postgres != Postgres::standby || peer->machine.follows != name() ||
        !holds_prefix(rows, peer->rows))
      return failed(other + " does not stream from here");
    if (call.phase == role::Phase::action) {
      peer->rows = rows;
      machine.postgres = Postgres::stopped;
    }
  }
  if (id == "confirm-wal") {
    TANDEM_TRY(const auto* peer, linked_peer(other));
    if (peer->rows != rows) return failed("some WAL is missing here");
  }
  if (id == "grant") {
    (void)disk.remove("/primary_server");
    if (next_epoch(role().kept) != opening.epoch) return failed("the epoch is not the next one any more");
    role::Event event;
    event.kind = role::EventKind::grant_decided;
    event.server = opening.to;
    event.note.reason = opening.reason;
    const auto out = apply(event);
    if (out.refused) return fail(ErrorKind::refused, out.sentence);
  }
  if (id == "take" && !disk.files.contents.contains("/primary_server"))
    (void)disk.write("/primary_server", "", 0644, {});
  if (id == "promote") {
    if (call.phase == role::Phase::action && situation() != role::Situation::serving)
      return fail(ErrorKind::refused, name() + " is not the primary any more");
    if (call.phase == role::Phase::action) machine.postgres = Postgres::primary;
    if (machine.postgres != Postgres::primary) return failed("it is in recovery");
  }
  if (id == "open-gate") {
    machine.applications = true;
    set_gate(Gate::here);
  }
  if (id == "forward-gate") {
    machine.follows = other;
    set_gate(Gate::peer);
  }
  if (id == "follow") {
    become_standby();
    if (server_now() != role::ServerNow::standby) return fail(ErrorKind::unavailable, other + " does not answer");
  }
  return {};
}

Result<void> Node::undo_deed(const role::Call& call) {
  const auto& id = call.step;
  if (id == "hold-visitors") {
    machine.follows = call.opening.from;
    set_gate(Gate::peer);
    return {};
  }
  if (situation() != role::Situation::serving) return failed("this server does not serve");
  if (id == "close-gate") set_gate(Gate::here);
  if (id == "close-sockets") machine.applications = true;
  if (id == "stop-database") machine.postgres = Postgres::primary;
  if (id == "grant" && !disk.files.contents.contains("/primary_server"))
    (void)disk.write("/primary_server", "", 0644, {});
  return {};
}

} // namespace tandem::testing
