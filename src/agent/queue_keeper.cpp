#include "agent/queue_keeper.hpp"

#include "agent/events.hpp"
#include "agent/times.hpp"
#include "model/ports.hpp"
#include "peer/stream.hpp"
#include "role/decide.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using std::chrono::milliseconds;

constexpr auto queue_tick = std::chrono::seconds(2);
// Longer than any runbook keeps its visitors waiting: whoever paused it ends the pause.
constexpr std::chrono::minutes pause_limit{10};
constexpr std::chrono::seconds answer_margin{2};
// A copy that has heard nothing for so long is worth a word: the primary says something every ten seconds.
constexpr std::int64_t silence = 30;

replication::QueueTools tools_of(Agent& agent) {
  return {.files = agent.ports().files,
          .processes = agent.ports().processes,
          .clock = agent.ports().clock,
          .pause = [&agent](milliseconds time) {
            system::pause_thread(time);
            return !agent.ending();
          }};
}

Result<void> ask_copy(Agent& agent, const std::string& server, std::uint64_t offset, milliseconds limit) {
  const auto answer = ask_server(agent, server, "queue.confirm", {{"offset", offset}, {"limit_ms", limit.count()}},
                                 {.time_limit = std::chrono::duration_cast<peer::Duration>(limit + answer_margin)});
  if (!answer) return std::unexpected(Error(answer.error()).within("the queue on " + server));
  return {};
}

Result<Json> confirm(OperationContext& context) {
  const auto& params = context.params();
  const auto offset = params.value("offset", std::uint64_t{0});
  const milliseconds limit(std::clamp(params.value("limit_ms", 0), 0, 60'000));
  TANDEM_CHECK(replication::wait_for_queue(tools_of(context.agent()), offset, limit));
  return Json::object();
}

} // namespace

void QueueKeeper::start(Agent& agent, DutyKeeper& duties) {
  listen(agent);
  tick(agent, duties);
}

void QueueKeeper::listen(Agent& agent) {
  auto listening = peer::listen_loopback(agent.loop(), model::queue_relay_port,
                                         [weak = weak_from_this(), &agent](system::Descriptor copy) {
                                           if (const auto self = weak.lock()) self->pass_on(agent, std::move(copy));
                                         });
  if (listening)
    listener_ = std::move(*listening);
  else if (problem_ != listening.error().message)
    agent.log("the queue: " + (problem_ = listening.error().message));
}

// A descriptor that goes away here closes the connection, and Redis tries again a second later.
void QueueKeeper::pass_on(Agent& agent, system::Descriptor copy) {
  const auto primary = agent.state().standing.primary;
  if (primary.empty() || primary == agent.state().server || agent.network() == nullptr) return;
  const auto held = std::make_shared<system::Descriptor>(std::move(copy));
  agent.network()->open_stream(primary, "queue", Json::object(),
                               [weak = weak_from_this(), &agent, held, primary](Result<peer::ConnectionPtr> far) {
                                 const auto self = weak.lock();
                                 if (!far || !self) return;
                                 self->links_.push_back({primary, *far});
                                 peer::join_stream_to_descriptor(agent.loop(), *far, held->release(),
                                                                 [](const Result<void>&) {});
                               });
}

void QueueKeeper::drop_links_to_others(Agent& agent) {
  const auto primary = agent.state().standing.primary;
  std::erase_if(links_, [&](const Link& link) {
    const auto connection = link.connection.lock();
    if (connection && link.primary != primary)
      connection->abort(Error{ErrorKind::unavailable, link.primary + " is not the primary any more", {}});
    return !connection || link.primary != primary;
  });
}

void QueueKeeper::tick(Agent& agent, DutyKeeper& duties) {
  ticking_ = agent.loop().after(queue_tick, [weak = weak_from_this(), &agent, &duties] {
    if (const auto self = weak.lock()) self->tick(agent, duties);
  });
  if (!listener_) listen(agent);
  drop_links_to_others(agent);
  if (looking_ || agent.ending() || wish(duties) == Wish::nothing) return;
  looking_ = true;
  agent.in_background([self = shared_from_this(), &agent, &duties] {
    const auto looked = self->look(agent, duties);
    agent.loop().post([self, &agent, looked] {
      self->looking_ = false;
      const auto problem = looked ? std::string() : describe(looked.error());
      if (problem != self->problem_ && !problem.empty()) agent.log("the queue: " + problem);
      self->problem_ = problem;
    });
  });
}

// During a runbook its steps decide.
QueueKeeper::Wish QueueKeeper::wish(DutyKeeper& duties) {
  if (!duties.role().known() || duties.runs().is_open()) return Wish::nothing;
  const auto verdict = role::OperatorAuthority().verdict(duties.role().members(), duties.role().role());
  if (verdict == role::Verdict::serve) return Wish::lead;
  return verdict == role::Verdict::follow ? Wish::follow : Wish::nothing;
}

// The role may have changed before the lock was free, and cannot while its steps wait for it.
Result<void> QueueKeeper::look(Agent& agent, DutyKeeper& duties) {
  const std::lock_guard lock(work_);
  auto wanted = Wish::nothing;
  agent.on_loop([&] { wanted = wish(duties); });
  if (wanted == Wish::nothing) return {};
  const auto tools = tools_of(agent);
  TANDEM_TRY(const auto standing, replication::queue_standing(tools));
  if (!standing) return {};
  TANDEM_TRY(const bool is_copy, replication::is_queue_copy(tools));
  if (wanted == Wish::lead) return standing->primary && !is_copy ? Result<void>() : replication::lead_queue(tools);
  return !standing->primary && is_copy ? Result<void>() : follow_with(agent, tools);
}

Result<void> QueueKeeper::follow(Agent& agent) {
  const std::lock_guard lock(work_);
  return follow_with(agent, tools_of(agent));
}

Result<void> QueueKeeper::follow_with(Agent& agent, const replication::QueueTools& tools) {
  Snapshot now;
  agent.on_loop([&] { now = agent.state(); });
  const auto folder = fmt::format("{}/kept/{}-queue", agent.settings().state_folder, now.standing.epoch);
  return replication::follow_queue(tools, folder, [&] {
    return Events(agent.ports().files, agent.settings().state_folder)
        .add(
            utc_text(agent.ports().clock),
            fmt::format("the queue (Redis) of this server as it was when it began to follow {}: tasks that only it had "
                        "are in there",
                        now.standing.primary),
            {folder});
  });
}

Result<void> QueueKeeper::check_copy(Agent& agent, const std::string& server, milliseconds limit) {
  TANDEM_TRY(const auto standing, replication::queue_standing(tools_of(agent)));
  if (!standing) return {};
  return ask_copy(agent, server, standing->offset, limit);
}

Result<void> QueueKeeper::hand_over(Agent& agent, const std::string& server, milliseconds limit) {
  const std::lock_guard lock(work_);
  const auto tools = tools_of(agent);
  TANDEM_TRY(const auto standing, replication::queue_standing(tools));
  if (!standing) return {};
  TANDEM_TRY(const auto offset, replication::pause_queue(tools, pause_limit));
  TANDEM_CHECK(ask_copy(agent, server, offset, limit));
  return replication::hand_over_queue(tools);
}

Result<void> QueueKeeper::lead(Agent& agent) {
  const std::lock_guard lock(work_);
  const auto tools = tools_of(agent);
  TANDEM_TRY(const auto standing, replication::queue_standing(tools));
  if (standing && !standing->primary && standing->copying)
    agent.log("the queue here had not been copied from the former primary in full: what it held before is in use");
  return replication::lead_queue(tools);
}

void QueueKeeper::add_status(const OperationContext& context, Json& status) {
  auto& agent = context.agent();
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary.empty()) return;
  const auto standing = replication::queue_standing(tools_of(agent));
  if (!standing) {
    status["problems"].push_back(standing.error().message);
    return;
  }
  if (!*standing) return;
  const auto& queue = **standing;
  Json told{{"state", queue.primary ? "primary" : "copy"}, {"offset", queue.offset}, {"keys", queue.keys}};
  if (queue.primary) {
    told["copies"] = queue.copies;
  } else {
    told["linked"] = queue.linked;
    told["copying"] = queue.copying;
    if (!queue.linked && !queue.copying && queue.silent_seconds > silence)
      status["problems"].push_back(
          fmt::format("the queue has received nothing from the primary's for {} s", queue.silent_seconds));
  }
  status["queue"] = std::move(told);
  std::string problem;
  agent.on_loop([&] { problem = problem_; });
  if (!problem.empty()) status["problems"].push_back("the queue: " + problem);
}

Operation queue_confirm_operation() {
  return {.name = "queue.confirm", .callers = {Caller::peer}, .run = confirm};
}

Result<std::uint16_t> accept_queue(Agent& agent, const std::string& server) {
  const auto state = agent.state();
  if (state.standing.primary != state.server)
    return fail(ErrorKind::refused,
                fmt::format("{} is not the primary: {} finds no queue to copy here", state.server, server));
  return model::redis_queue_port;
}

} // namespace tandem::agent
