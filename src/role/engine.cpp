#include "role/engine.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

namespace tandem::role {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

seconds seconds_of(const Opening& opening, std::string_view name, seconds otherwise) {
  const auto found = opening.parameters.find(std::string(name));
  const auto value = found == opening.parameters.end() ? std::nullopt : to_number(found->second);
  return value && *value > 0 ? seconds(*value) : otherwise;
}

// The steps before the grant may use three quarters of the time that visitors are held at the most.
nanoseconds hold_before_grant(const Opening& opening) {
  return nanoseconds(seconds_of(opening, "hold", seconds(20))) * 3 / 4;
}

std::string alternatives(const Opening& opening) {
  return fmt::format("{} is the primary of epoch {} now: let it finish, then run \"tandem switchover {}\" to go back; "
                     "if {} is lost, run \"tandem failover\" on {}",
                     opening.to, opening.epoch, opening.from, opening.to, opening.from);
}

} // namespace

Result<void> Engine::open(const Opening& opening) {
  Record record;
  record.kind = RecordKind::opened;
  record.time = ports_.wall_time();
  record.opening = opening;
  TANDEM_TRY(const auto written, ports_.log.write(std::move(record)));
  ports_.replicas.offer(opening, written);
  return {};
}

Result<Progress> Engine::progress() const {
  return progress_of(ports_.log.records());
}

Standing Engine::standing(const Progress& progress) const {
  return standing_of(ports_.kept(), progress.opening);
}

Record Engine::record(RecordKind kind, std::string_view step, Ending ending, std::string message) const {
  Record record;
  record.kind = kind;
  record.step = step;
  record.ending = ending;
  record.message = std::move(message);
  record.time = ports_.wall_time();
  return record;
}

void Engine::keep(RecordKind kind, std::string_view step, Ending ending, std::string message) {
  const auto kept = ports_.log.keep(record(kind, step, ending, std::move(message)));
  ports_.replicas.offer(*ports_.log.records().front().opening, kept);
}

void Engine::turn_back(const std::string& reason) {
  keep(RecordKind::turned_back, "", Ending::none, reason);
}

void Engine::resume(const std::string& reason) {
  const auto now = progress();
  if (!now || !now->is_open() || now->turned_back || now->opening.leader != self_) return;
  const auto where = standing(*now);
  if (!where.granted && !where.overtaken) turn_back(reason);
}

Result<void> Engine::abort(const std::string& reason) {
  TANDEM_TRY(const auto now, progress());
  if (!now.is_open()) return fail(ErrorKind::refused, "the runbook has ended already");
  if (standing(now).granted)
    return fail(ErrorKind::refused, "the grant has been given, and from there on it only goes forward",
                alternatives(now.opening));
  if (now.opening.leader != self_)
    return fail(ErrorKind::refused, fmt::format("{} coordinates this runbook", now.opening.leader), "Run it there");
  if (!now.turned_back) turn_back(reason);
  return {};
}

void Engine::close(Ending ending, const std::string& reason) {
  work_.reset();
  keep(RecordKind::closed, "", ending, reason);
}

Operation Engine::next() {
  const auto now = progress();
  if (!now) return {Operation::Kind::finished, {}, describe(now.error()), Ending::failed};
  if (work_) return call(*now, *work_);
  if (std::exchange(pause_, false)) return {Operation::Kind::wait, {}, now->fault, Ending::none};
  const auto move = next_move(*now, standing(*now), self_);
  switch (move.kind) {
  case Move::Kind::perform:
  case Move::Kind::undo:
    return begin(*now, move);
  case Move::Kind::wait:
    return {Operation::Kind::wait, {}, move.message, Ending::none};
  case Move::Kind::finished:
    return {Operation::Kind::finished, {}, summary(*now), move.ending};
  case Move::Kind::close:
    break;
  }
  keep(RecordKind::closed, "", move.ending, move.message);
  return next();
}

// What keeps a step before the grant from being begun: the limit is over, or the other server lacks the journal.
std::optional<Operation> Engine::hindrance(const Progress& progress, const Step& step) {
  if (step.side == Side::after) return std::nullopt;
  if (const auto left = time_left(progress); left && *left <= nanoseconds(0)) {
    turn_back(fmt::format("visitors had to wait too long: three quarters of the limit of {} s were used up before "
                          "\"{}\"",
                          seconds_of(progress.opening, "hold", seconds(20)).count(),
                          filled(step.title, progress.opening)));
    return next();
  }
  const auto& other = progress.opening.to;
  if (step.side == Side::grant && other != self_ &&
      ports_.replicas.confirmed(progress.opening, other) < ports_.log.count(self_))
    return Operation{Operation::Kind::wait, {}, fmt::format("{} stores the journal", other), Ending::none};
  return std::nullopt;
}

Operation Engine::begin(const Progress& progress, const Move& move) {
  const auto& step = this->step(move.step);
  const bool undo = move.kind == Move::Kind::undo;
  if (!undo)
    if (auto other = hindrance(progress, step)) return *other;
  if (!undo && step.side != Side::after) {
    const auto written = ports_.log.write(record(RecordKind::before, step.id, Ending::none, {}));
    if (!written) {
      turn_back(fmt::format("the journal cannot be written: {}", written.error().message));
      return next();
    }
    ports_.replicas.offer(progress.opening, *written);
  } else {
    keep(undo ? RecordKind::before_undo : RecordKind::before, step.id, Ending::none, {});
  }
  if (!undo && step.visitors_wait && !held_since_) held_since_ = ports_.now();
  Work work{move.step, undo, {}};
  if (undo) {
    if (!step.undo.empty()) work.phases.push_back(Phase::undo);
  } else {
    if (!step.precondition.empty()) work.phases.push_back(Phase::precondition);
    work.phases.push_back(Phase::action);
    if (!step.check.empty()) work.phases.push_back(Phase::check);
  }
  work_ = work;
  if (work.phases.empty()) {
    complete({});
    return next();
  }
  return call(progress, work);
}

Operation Engine::call(const Progress& progress, const Work& work) {
  const auto& step = this->step(work.step);
  Operation operation;
  operation.kind = Operation::Kind::perform;
  operation.call = {server_of(step, progress.opening), std::string(step.id), work.phases.front(), progress.opening,
                    limit_of(progress, work)};
  operation.message = filled(work.undo ? step.undo : step.title, progress.opening);
  return operation;
}

std::optional<nanoseconds> Engine::time_left(const Progress& progress) const {
  if (!held_since_) return std::nullopt;
  return hold_before_grant(progress.opening) - (ports_.now() - *held_since_);
}

milliseconds Engine::limit_of(const Progress& progress, const Work& work) const {
  const auto& step = this->step(work.step);
  const auto own = step.limit_parameter.empty()
                       ? step.limit
                       : milliseconds(seconds_of(progress.opening, step.limit_parameter, seconds(10)));
  const auto left = step.side == Side::after || work.undo ? std::nullopt : time_left(progress);
  if (!left) return own;
  return std::clamp(duration_cast<milliseconds>(*left), milliseconds(1), own);
}

void Engine::complete(const Result<void>& result) {
  if (!work_) return;
  auto& work = *work_;
  const auto now = progress();
  if (!result && now) {
    const auto failed = *std::exchange(work_, std::nullopt);
    return fail_step(*now, failed, result.error());
  }
  if (!work.phases.empty()) work.phases.erase(work.phases.begin());
  if (!work.phases.empty()) return;
  const auto& step = this->step(work.step);
  keep(work.undo ? RecordKind::after_undo : RecordKind::after, step.id, Ending::done, {});
  if (work.undo && step.visitors_wait) held_since_.reset();
  work_.reset();
}

void Engine::fail_step(const Progress& progress, const Work& work, const Error& error) {
  const auto& step = this->step(work.step);
  const auto told = error.hint.empty() ? error.message : fmt::format("{} ({})", error.message, error.hint);
  const bool elsewhere = server_of(step, progress.opening) != self_;
  const auto failures = progress.steps[work.step].failures + 1;
  if (work.undo) {
    // A silent server finds out at its own boot that it has nothing to do.
    const bool left = elsewhere && error.kind == ErrorKind::unavailable;
    keep(RecordKind::after_undo, step.id, left ? Ending::left : Ending::failed, told);
    pause_ = !left;
    return;
  }
  const auto where = standing(progress);
  const bool of_other = elsewhere || (step.needs_old && error.kind == ErrorKind::unavailable);
  const bool leave = where.granted && of_other && failures >= patience;
  keep(RecordKind::after, step.id, leave ? Ending::left : Ending::failed, told);
  if (where.granted || where.overtaken)
    pause_ = !leave;
  else
    turn_back(fmt::format("\"{}\" failed: {}", filled(step.title, progress.opening), told));
}

Result<void> permitted(const Call& call, const std::string& sender, const Kept& kept) {
  const auto* runbook = find_runbook(call.opening.runbook);
  const auto* step = runbook == nullptr ? nullptr : runbook->step(call.step);
  if (step == nullptr) return fail(ErrorKind::refused, fmt::format("the step \"{}\" is unknown here", call.step));
  const auto standing = standing_of(kept, call.opening);
  const auto& coordinator = coordinator_of(call.opening, standing);
  if (standing.overtaken || kept.epoch + 1 < call.opening.epoch)
    return fail(ErrorKind::refused, fmt::format("the {} to epoch {} is not the present one; here epoch {} is known",
                                                runbook->name, call.opening.epoch, kept.epoch));
  if (sender != coordinator)
    return fail(ErrorKind::refused, fmt::format("{} coordinates this {}, not {}", coordinator, runbook->name, sender));
  if ((step->side == Side::after) != standing.granted)
    return fail(ErrorKind::refused, fmt::format("the step \"{}\" does not fit: epoch {} is {}granted", call.step,
                                                call.opening.epoch, standing.granted ? "" : "not "));
  return {};
}

bool is_copied(const Opening& opening) {
  return opening.leader != opening.to;
}

std::vector<Record> offered(const Log& log, const Kept& kept, std::uint64_t after) {
  if (log.records().empty()) return {};
  const auto& opening = *log.records().front().opening;
  if (kept.latest_run != opening.id || !is_copied(opening)) return {};
  auto records = log.above(log.self(), after);
  if (coordinator_of(opening, standing_of(kept, opening)) != log.self())
    std::erase_if(records, [](const Record& record) { return record.ending == Ending::overtaken; });
  if (!records.empty()) records.insert(records.begin(), log.records().front());
  return records;
}

bool takes_up(const Opening& opening, const std::string& sender, const Progress* present, const Kept& kept,
              const std::string& self) {
  const auto arriving = standing_of(kept, opening);
  if (arriving.granted || arriving.overtaken || sender != opening.leader || !is_copied(opening)) return false;
  if (present == nullptr || !present->is_open()) return true;
  const auto here = standing_of(kept, present->opening);
  return here.overtaken || coordinator_of(present->opening, here) != self;
}

std::string summary(const Progress& progress) {
  using At = StepProgress::At;
  const auto& opening = progress.opening;
  std::string text;
  if (progress.closed == Ending::done)
    text = fmt::format("{} is the primary", opening.to);
  else if (progress.closed == Ending::undone)
    text = fmt::format("failed, undone: nothing changed{} ({})",
                       opening.leader == opening.from ? ", " + opening.from + " serves on" : "", progress.why_back);
  else if (progress.closed == Ending::overtaken)
    text = "closed: the primary has changed by another way";
  else
    text = progress.turned_back ? "being undone" : "under way";
  for (std::size_t i = 0; i < progress.steps.size(); ++i) {
    const auto& step = progress.steps[i];
    const auto& planned = progress.runbook->steps[i];
    if (step.at == At::left)
      text += fmt::format("\n  left to {}'s own start: {} ({})",
                          planned.needs_old ? opening.from : server_of(planned, opening),
                          filled(planned.title, opening), step.message);
    if (step.at == At::undo_failed)
      text += fmt::format("\n  not undone yet: {} ({})", filled(planned.undo, opening), step.message);
  }
  return text;
}

} // namespace tandem::role
