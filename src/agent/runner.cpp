#include "agent/runner.hpp"

#include "agent/agent.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

bool exclude_each_other(const Operation& one, const Operation& other) {
  return std::ranges::any_of(one.locks, [&](const std::string& lock) { return other.locks.contains(lock); });
}

peer::Request own_request(const std::string& name, const Json& params = Json::object()) {
  return {{}, 0, Caller::command, "the agent itself", name, peer::Payload(params)};
}

} // namespace

OperationContext look_context(Agent& agent) {
  static const Operation look{.name = "look", .callers = {}, .run = {}};
  return {agent, std::make_shared<Run>(0, look, own_request(look.name))};
}

Runner::Runner(Agent& agent, std::vector<Operation> operations) : agent_(agent) {
  for (auto& operation : operations) {
    std::string name = operation.name;
    operations_.emplace(std::move(name), std::move(operation));
  }
}

Result<const Operation*> Runner::find(const peer::Request& request, bool has_pair) const {
  const auto found = operations_.find(request.method());
  if (found == operations_.end())
    return fail(ErrorKind::not_found, fmt::format("this agent does not know \"{}\"", request.method()),
                "Install the same version of tandem on every server");
  const Operation& operation = found->second;
  if (!operation.callers.contains(request.caller()))
    return fail(ErrorKind::refused,
                fmt::format("\"{}\" may not be asked for by a {}", operation.name, peer::name_of(request.caller())));
  if (operation.needs_pair && !has_pair)
    return fail(ErrorKind::refused, "this server belongs to no pair yet",
                "`tandem init` makes it the first server of a pair, `tandem join` adds it to one");
  TANDEM_CHECK(check_free(operation));
  return &operation;
}

std::vector<std::shared_ptr<Run>> Runner::in_its_way(const Operation& operation) const {
  std::vector<std::shared_ptr<Run>> found;
  for (const auto& [id, run] : runs_)
    if (exclude_each_other(run->operation, operation)) found.push_back(run);
  return found;
}

Result<void> Runner::check_free(const Operation& operation) const {
  if (stopping_) return fail(ErrorKind::unavailable, "the agent stops");
  if (operation.apart && !agent_.runbook().empty())
    return fail(ErrorKind::refused, fmt::format("the {} is under way", agent_.runbook()),
                "Wait until it has ended; `tandem resume` shows how it goes on");
  constexpr auto* wait = "Wait until it has ended; `tandem status` shows it";
  for (const auto& run : in_its_way(operation))
    if (run->operation.urgency >= operation.urgency)
      return fail(ErrorKind::refused,
                  fmt::format("\"{}\" is under way since {}, started by {}", run->operation.name, run->started,
                              run->request.from()),
                  wait);
  for (const auto& other : waiting_)
    if (exclude_each_other(*other.operation, operation) && other.operation->urgency >= operation.urgency)
      return fail(ErrorKind::refused,
                  fmt::format("\"{}\" is about to begin, started by {}", other.operation->name, other.request.from()),
                  wait);
  return {};
}

void Runner::begin(const peer::Request& request, bool has_pair) {
  const auto operation = find(request, has_pair);
  if (!operation) return request.answer(std::unexpected(operation.error()));
  begin_or_wait(request, **operation);
}

void Runner::begin_or_wait(const peer::Request& request, const Operation& operation) {
  const auto others = in_its_way(operation);
  if (others.empty()) return start(request, operation);
  for (const auto& run : others) {
    run->cancelled = true;
    const auto line = fmt::format("waiting for \"{}\", started by {}, which ends after the change at hand",
                                  run->operation.name, run->request.from());
    agent_.log(fmt::format("\"{}\": {}", operation.name, line));
    request.event(Json{{"line", line}});
  }
  waiting_.push_back({request, &operation});
}

void Runner::let_waiting_begin() {
  for (auto& [request, operation] : std::exchange(waiting_, {})) {
    // What a person asked for goes on without the command; another server that is gone has given it up.
    if (request.caller() == Caller::peer && !request.is_heard()) continue;
    if (const auto free = check_free(*operation); !free)
      request.answer(std::unexpected(free.error()));
    else
      begin_or_wait(request, *operation);
  }
}

Result<void> Runner::begin_own(const std::string& name, const Json& params) {
  const auto& operation = operations_.at(name);
  TANDEM_CHECK(check_free(operation));
  start(own_request(name, params), operation);
  return {};
}

void Runner::start(const peer::Request& request, const Operation& operation) {
  auto run = std::make_shared<Run>(++last_id_, operation, request);
  const auto now = std::chrono::system_clock::to_time_t(agent_.ports().clock.wall_time());
  run->started = fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(now));
  runs_.emplace(run->id, run);
  workers_.submit([this, run] { this->run(run); });
}

void Runner::run(const std::shared_ptr<Run>& run) {
  OperationContext context(agent_, run);
  auto result = std::make_shared<Result<Json>>(run->operation.run(context));
  agent_.loop().post([this, run, result] { end(run, std::move(*result)); });
}

void Runner::end(const std::shared_ptr<Run>& run, Result<Json> result) {
  runs_.erase(run->id);
  run->request.answer(std::move(result));
  let_waiting_begin();
}

void Runner::cancel_all() {
  stopping_ = true;
  for (const auto& [id, run] : runs_)
    run->cancelled = true;
  let_waiting_begin(); // which refuses them
}

std::string Runner::ask_to_end(const std::string& lock) {
  std::string holder;
  for (const auto& [id, run] : runs_) {
    if (!run->operation.locks.contains(lock)) continue;
    run->cancelled = true;
    holder = fmt::format("\"{}\", started by {}", run->operation.name, run->request.from());
  }
  return holder;
}

std::string Runner::busy_with() const {
  for (const auto& [id, run] : runs_)
    if (run->operation.apart)
      return fmt::format("\"{}\", since {}, started by {},", run->operation.name, run->started, run->request.from());
  return {};
}

Json Runner::running() const {
  Json list = Json::array();
  for (const auto& [id, run] : runs_)
    list.push_back(
        {{"id", id}, {"name", run->operation.name}, {"from", run->request.from()}, {"started", run->started}});
  return list;
}

} // namespace tandem::agent
