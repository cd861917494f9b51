#include "role/progress.hpp"

#include <fmt/format.h>

namespace tandem::role {

namespace {

using At = StepProgress::At;

std::optional<std::size_t> index_of(const Runbook& runbook, const std::string& id) {
  for (std::size_t i = 0; i < runbook.steps.size(); ++i)
    if (runbook.steps[i].id == id) return i;
  return std::nullopt;
}

void note_failure(Progress& progress, StepProgress& step, const Record& record) {
  ++step.failures;
  step.message = record.message;
  progress.fault = fmt::format("{}: {}", record.step, record.message);
}

void fold_step(Progress& progress, StepProgress& step, const Record& record) {
  switch (record.kind) {
  case RecordKind::before:
    step.at = At::begun;
    break;
  case RecordKind::before_undo:
    step.at = At::undo_begun;
    break;
  case RecordKind::after:
    step.at = record.ending == Ending::done ? At::done : record.ending == Ending::left ? At::left : At::failed;
    if (step.at != At::done) note_failure(progress, step, record);
    break;
  case RecordKind::after_undo:
    step.at = record.ending == Ending::failed ? At::undo_failed : At::undone;
    if (step.at == At::undo_failed) note_failure(progress, step, record);
    break;
  default:
    break;
  }
}

bool to_undo(const StepProgress& step) {
  return step.at != At::untouched && step.at != At::undone && step.at != At::left;
}

Move backward(const Progress& progress) {
  for (std::size_t i = progress.steps.size(); i-- > 0;)
    if (to_undo(progress.steps[i])) return {Move::Kind::undo, i, Ending::none, {}};
  return {Move::Kind::close, 0, Ending::undone, progress.why_back};
}

Move forward(const Progress& progress, bool granted) {
  for (std::size_t i = 0; i < progress.steps.size(); ++i) {
    const bool over = granted && progress.runbook->steps[i].side != Side::after;
    const auto at = progress.steps[i].at;
    if (!over && at != At::done && at != At::left) return {Move::Kind::perform, i, Ending::none, {}};
  }
  return {Move::Kind::close, 0, Ending::done, {}};
}

} // namespace

Result<Progress> progress_of(std::span<const Record> records) {
  if (records.empty() || !records.front().opening)
    return fail(ErrorKind::invalid, "the runbook's journal does not begin with its opening");
  Progress progress;
  progress.opening = *records.front().opening;
  progress.runbook = find_runbook(progress.opening.runbook);
  if (progress.runbook == nullptr)
    return fail(ErrorKind::invalid,
                fmt::format("the journal is of a \"{}\", which is unknown here", progress.opening.runbook));
  const auto& runbook = *progress.runbook;
  progress.steps.resize(runbook.steps.size());
  for (const auto& record : records.subspan(1)) {
    if (record.kind == RecordKind::turned_back && !progress.turned_back) {
      progress.turned_back = true;
      progress.why_back = record.message;
    }
    if (record.kind == RecordKind::closed) progress.closed = record.ending;
    if (record.step.empty()) continue;
    const auto index = index_of(runbook, record.step);
    if (!index) return fail(ErrorKind::invalid, fmt::format("the step \"{}\" is unknown", record.step));
    fold_step(progress, progress.steps[*index], record);
  }
  return progress;
}

Ending ending_of(const Progress* latest, const std::string& id) {
  return latest != nullptr && latest->opening.id == id ? latest->closed : Ending::overtaken;
}

Standing standing_of(const Kept& kept, const Opening& opening) {
  const bool same = kept.epoch == opening.epoch;
  // An epoch that two servers claim is nobody's until a person has chosen.
  const bool owned = kept.primary == opening.to && kept.conflict.empty();
  // A primary that another server disputes hands nothing over: the operator's choice is a failover.
  const bool disputed = !kept.conflict.empty() && opening.leader == opening.from;
  return {.granted = same && owned, .overtaken = kept.epoch > opening.epoch || (same && !owned) || disputed};
}

const std::string& coordinator_of(const Opening& opening, const Standing& standing) {
  return standing.granted ? opening.to : opening.leader;
}

Move next_move(const Progress& progress, const Standing& standing, const std::string& self) {
  if (!progress.is_open()) return {Move::Kind::finished, 0, progress.closed, {}};
  if (standing.overtaken) return {Move::Kind::close, 0, Ending::overtaken, "the primary has changed by another way"};
  const auto& coordinator = coordinator_of(progress.opening, standing);
  if (self != coordinator) return {Move::Kind::wait, 0, Ending::none, fmt::format("{} goes on with it", coordinator)};
  if (standing.granted) return forward(progress, true);
  return progress.turned_back ? backward(progress) : forward(progress, false);
}

RunbookNow runbook_now(const Progress& progress, const Standing& standing, const std::string& self, bool active) {
  if (!progress.is_open()) return RunbookNow::none;
  if (standing.overtaken) return RunbookNow::overtaken;
  const auto& coordinator = coordinator_of(progress.opening, standing);
  if (active) return RunbookNow::active;
  if (standing.granted) return self == coordinator ? RunbookNow::forward_here : RunbookNow::forward_elsewhere;
  return self == coordinator ? RunbookNow::back_here : RunbookNow::back_elsewhere;
}

} // namespace tandem::role
