#include "agent/work_keeper.hpp"

#include "sites/work.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto work_tick = std::chrono::seconds(2);

} // namespace

void WorkKeeper::start(Agent& agent, DutyKeeper& duties) {
  recurring_ = Recurring::start(
      agent, work_tick, weak_from_this(), [this, &agent, &duties] { return due(agent, duties); },
      [this, &agent, &duties] {
        auto problems = look(agent, duties);
        agent.on_loop([&] { problems_ = std::move(problems); });
      });
}

// Not before the duty has been taken up in full: a job that begins earlier finds no database. Not while an apply
// changes the units either.
bool WorkKeeper::due(Agent& agent, DutyKeeper& duties) {
  if (agent.changing() > 0 || duties.runs().is_open()) return false;
  const bool primary = duties.part() == DutyKeeper::Part::primary && agent.on_duty();
  if (!primary) problems_.clear();
  return primary;
}

std::vector<std::string> WorkKeeper::look(Agent& agent, DutyKeeper& duties) {
  std::vector<std::string> problems;
  const auto now = snapshot_of(agent);
  // Asked where nothing comes between: a runbook's steps may have stopped it a moment ago.
  auto services = agent.services_while([&agent, &duties]() -> Result<void> {
    bool may = false;
    agent.on_loop([&] { may = agent.may_serve() && !duties.runs().is_open() && agent.changing() == 0; });
    return may ? Result<void>() : fail(ErrorKind::unavailable, "something else decides at the moment");
  });
  if (!now.pair) return problems;
  for (const auto& site : now.pair->sites)
    if (const auto begun = sites::start_work(work_tools(agent, services), site); !begun)
      problems.push_back(describe(begun.error()));
  const auto failed = sites::failed_work(services);
  if (!failed) return {describe(failed.error())};
  problems.insert(problems.end(), failed->begin(), failed->end());
  return problems;
}

void WorkKeeper::add_status(const OperationContext& context, Json& status) {
  std::vector<std::string> problems;
  context.agent().on_loop([&] { problems = problems_; });
  for (auto& problem : problems)
    status["problems"].push_back(std::move(problem));
}

} // namespace tandem::agent
