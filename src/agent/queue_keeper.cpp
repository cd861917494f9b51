#include "agent/queue_keeper.hpp"

#include "agent/events.hpp"
#include "agent/times.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using std::chrono::milliseconds;

constexpr auto queue_tick = std::chrono::seconds(2);
// Longer than anything that it covers: whoever paused it ends the pause, and the keeper where that was missed.
constexpr std::chrono::hours pause_limit{24};
// Visitors may wait meanwhile.
constexpr std::chrono::seconds lock_patience{1};
constexpr std::chrono::seconds step_patience{1};
constexpr milliseconds answer_margin{300};
// A copy that has heard nothing for so long is worth a word: the primary says something every ten seconds.
constexpr std::int64_t silence = 30;
constexpr std::chrono::seconds stale_after{20};

replication::QueueTools tools_of(Agent& agent, milliseconds patience = std::chrono::seconds(2)) {
  return {.files = agent.ports().files,
          .processes = agent.ports().processes,
          .clock = agent.ports().clock,
          .pause =
              [&agent](milliseconds time) {
                system::pause_thread(time);
                return !agent.ending();
              },
          .patience = patience};
}

// A server that may have become the primary meanwhile must not make its queue a copy.
Result<void> check_standby(Agent& agent) {
  std::string primary;
  std::string self;
  agent.on_loop([&] {
    primary = agent.state().standing.primary;
    self = agent.state().server;
  });
  if (!primary.empty() && primary != self) return {};
  return fail(ErrorKind::refused, "this server follows nobody");
}

Result<void> ask_copy(Agent& agent, const std::string& server, std::uint64_t offset, milliseconds limit) {
  const auto there = std::max(milliseconds(1), limit - answer_margin);
  const auto answer = ask_server(agent, server, "queue.confirm", {{"offset", offset}, {"limit_ms", there.count()}},
                                 {.time_limit = std::chrono::duration_cast<peer::Duration>(limit)});
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
  const auto due = [this, &agent] {
    relay_.keep_up(agent);
    return true;
  };
  recurring_ = Recurring::start(agent, queue_tick, weak_from_this(), due, [this, &agent, &duties] {
    const auto looked = look(agent, duties);
    agent.on_loop([&] {
      const auto problem = looked ? std::string() : describe(looked.error());
      if (problem != latest_.problem && !problem.empty()) agent.log("the queue: " + problem);
      latest_.problem = problem;
    });
  });
}

Result<void> QueueKeeper::look(Agent& agent, DutyKeeper& duties) {
  const auto standing = replication::queue_standing(tools_of(agent));
  agent.on_loop([&] {
    latest_.standing = standing ? *standing : std::nullopt;
    latest_.at = agent.ports().clock.boot_time();
  });
  if (!standing) return std::unexpected(standing.error());
  return *standing ? take_part(agent, duties, **standing) : Result<void>();
}

// The part may have changed before the lock was free, and cannot while its steps wait for it.
Result<void> QueueKeeper::take_part(Agent& agent, DutyKeeper& duties, const replication::QueueStanding& standing) {
  using Part = DutyKeeper::Part;
  const auto part = [&] {
    auto now = Part::none;
    agent.on_loop([&] { now = duties.part(); });
    return now;
  };
  const auto wanted = part();
  const auto tools = tools_of(agent);
  TANDEM_TRY(const bool is_copy, replication::is_queue_copy(tools));
  const bool as_it_should_be =
      !maybe_paused_ && (wanted == Part::primary ? standing.primary && !is_copy : !standing.primary && is_copy);
  if (wanted == Part::none || as_it_should_be) return {};
  if (wanted == Part::standby) return follow(agent);
  TANDEM_TRY(const auto held, lock());
  return part() == Part::primary ? lead_with(tools) : Result<void>();
}

Result<QueueKeeper::Lock> QueueKeeper::lock() {
  Lock held(work_, lock_patience);
  if (!held.owns_lock()) return fail(ErrorKind::unavailable, "something else is being done to the queue");
  return held;
}

Result<void> QueueKeeper::lead_with(const replication::QueueTools& tools) {
  maybe_paused_ = true;
  TANDEM_CHECK(replication::lead_queue(tools));
  maybe_paused_ = false;
  return {};
}

// What is kept may take minutes to write, and nobody waits for the lock meanwhile: the pause keeps it whole.
Result<void> QueueKeeper::follow(Agent& agent) {
  const auto tools = tools_of(agent, step_patience);
  TANDEM_CHECK(keep_first(agent, tools));
  TANDEM_TRY(const auto held, lock());
  TANDEM_CHECK(check_standby(agent));
  TANDEM_CHECK(replication::follow_queue(tools));
  TANDEM_CHECK(replication::unpause_queue(tools));
  maybe_paused_ = false;
  return {};
}

Result<void> QueueKeeper::keep_first(Agent& agent, const replication::QueueTools& tools) {
  TANDEM_TRY(const auto before, replication::queue_standing(tools));
  if (!before || !before->primary) return {};
  {
    TANDEM_TRY(const auto held, lock());
    TANDEM_CHECK(check_standby(agent));
    maybe_paused_ = true;
    TANDEM_CHECK(replication::pause_queue(tools, pause_limit));
  }
  TANDEM_TRY(const auto standing, replication::queue_standing(tools));
  TANDEM_TRY(const bool is_copy, replication::is_queue_copy(tools));
  if (!standing || !replication::is_only_one(*standing, is_copy)) return {};
  Snapshot now;
  agent.on_loop([&] { now = agent.state(); });
  TANDEM_TRY(const auto folder,
             replication::keep_queue(
                 tools, fmt::format("{}/kept/{}-queue", agent.settings().state_folder, now.standing.epoch)));
  return Events(agent.ports().files, agent.settings().state_folder)
      .add(utc_text(agent.ports().clock),
           fmt::format("the queue (Redis) of this server as it was when it began to follow {}: tasks that only it had "
                       "are in there",
                       now.standing.primary),
           {folder});
}

Result<void> QueueKeeper::check_copy(Agent& agent, const std::string& server, milliseconds limit) {
  TANDEM_TRY(const auto standing, replication::queue_standing(tools_of(agent)));
  if (!standing) return {};
  return ask_copy(agent, server, standing->offset, limit);
}

Result<void> QueueKeeper::hand_over(Agent& agent, const std::string& server, milliseconds limit,
                                    const std::function<bool()>& ended) {
  TANDEM_TRY(const auto held, lock());
  const auto tools = tools_of(agent, step_patience);
  TANDEM_TRY(const auto standing, replication::queue_standing(tools));
  if (!standing) return {};
  const auto handed = [&]() -> Result<void> {
    // Looked at where nothing comes between: once a step is over, its undo may have been performed.
    if (ended()) return fail(ErrorKind::unavailable, "the step was given up");
    maybe_paused_ = true;
    TANDEM_TRY(const auto offset, replication::pause_queue(tools, pause_limit));
    TANDEM_CHECK(ask_copy(agent, server, offset, limit));
    if (ended()) return fail(ErrorKind::unavailable, "the step was given up");
    return replication::hand_over_queue(tools);
  }();
  if (!handed)
    if (const auto goes_on = lead_with(tools); !goes_on) agent.log("the queue: " + describe(goes_on.error()));
  return handed;
}

Result<void> QueueKeeper::lead(Agent& agent) {
  TANDEM_TRY(const auto held, lock());
  const auto tools = tools_of(agent, step_patience);
  TANDEM_TRY(const auto standing, replication::queue_standing(tools));
  if (standing && !standing->primary && standing->copying)
    agent.log("the queue here had not been copied from the former primary in full: what it held before is in use");
  return lead_with(tools);
}

void QueueKeeper::add_status(const OperationContext& context, Json& status) {
  auto& agent = context.agent();
  Latest latest;
  std::string relay;
  bool member = false;
  agent.on_loop([&] {
    member = !agent.state().standing.primary.empty();
    latest = latest_;
    relay = relay_.problem();
  });
  if (!member || !latest.at) return;
  const auto told = [&](const std::string& problem) { status["problems"].push_back("the queue: " + problem); };
  if (!latest.problem.empty()) told(latest.problem);
  if (!relay.empty()) told(relay);
  if (const auto age = agent.ports().clock.boot_time() - *latest.at; age > stale_after)
    told(fmt::format("it has not been looked at for {} s",
                     std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  if (!latest.standing) return;
  const auto& queue = *latest.standing;
  status["queue"] = {{"state", queue.primary ? "primary" : "copy"}, {"offset", queue.offset}, {"keys", queue.keys}};
  if (queue.primary) {
    status["queue"]["copies"] = queue.copies;
    return;
  }
  status["queue"]["linked"] = queue.linked;
  status["queue"]["copying"] = queue.copying;
  if (!queue.linked && !queue.copying && queue.silent_seconds > silence)
    told(fmt::format("it has received nothing from the primary's for {} s", queue.silent_seconds));
}

Operation queue_confirm_operation() {
  return {.name = "queue.confirm", .callers = {Caller::peer}, .run = confirm};
}

} // namespace tandem::agent
