#include "agent/runner.hpp"

#include "agent/agent.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

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

Result<void> Runner::check_free(const Operation& operation) const {
  if (stopping_) return fail(ErrorKind::unavailable, "the agent stops");
  if (operation.apart && !agent_.runbook().empty())
    return fail(ErrorKind::refused, fmt::format("the {} is under way", agent_.runbook()),
                "Wait until it has ended; `tandem resume` shows how it goes on");
  if (!operation.lock.empty())
    for (const auto& [id, run] : runs_)
      if (run->operation.lock == operation.lock)
        return fail(ErrorKind::refused,
                    fmt::format("\"{}\" is under way since {}, started by {}", run->operation.name, run->started,
                                run->request.from()),
                    "Wait until it has ended; `tandem status` shows it");
  return {};
}

void Runner::begin(const peer::Request& request, bool has_pair) {
  const auto operation = find(request, has_pair);
  if (!operation) return request.answer(std::unexpected(operation.error()));
  start(request, **operation);
}

Result<void> Runner::begin_own(const std::string& name) {
  const auto& operation = operations_.at(name);
  TANDEM_CHECK(check_free(operation));
  start(peer::Request({}, 0, Caller::command, "the agent itself", name, peer::Payload(Json::object())), operation);
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
}

void Runner::cancel_all() {
  stopping_ = true;
  for (const auto& [id, run] : runs_)
    run->cancelled = true;
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
