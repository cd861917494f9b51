#include "agent/operations/watched_run.hpp"

#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using role::RecordKind;
using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds look_every{20};

// Follows a run by its records as they come, and tells them in the operator's words.
class Watch {
public:
  // `id`: the run's; its records may still be on their way to this server.
  Watch(OperationContext& context, DutyKeeper& keeper, std::string id)
      : context_(context), keeper_(keeper), id_(std::move(id)) {}

  Result<Json> run() {
    begin_ = now();
    for (;;) {
      const auto fresh = take();
      for (const auto& record : fresh)
        tell(record);
      if (closed_) return outcome();
      if (context_.cancelled())
        return fail(ErrorKind::unavailable, "the agent stops; it goes on with the runbook when it starts again",
                    "tandem resume");
      system::pause_thread(look_every);
    }
  }

private:
  nanoseconds now() { return context_.ports().clock.boot_time(); }

  std::vector<role::Record> take() {
    std::vector<role::Record> fresh;
    context_.agent().on_loop([&] {
      const auto* log = keeper_.runs().log();
      if (log == nullptr || log->records().front().opening->id != id_) return;
      const auto& records = log->records();
      opening_ = *records.front().opening;
      for (; seen_ < records.size(); ++seen_)
        fresh.push_back(records[seen_]);
    });
    return fresh;
  }

  void tell(const role::Record& record) {
    const auto* runbook = role::find_runbook(opening_.runbook);
    const auto* step = runbook == nullptr ? nullptr : runbook->step(record.step);
    switch (record.kind) {
    case RecordKind::before:
      since_ = now();
      if (step != nullptr && step->visitors_wait && !held_since_) held_since_ = since_;
      if (step != nullptr) context_.report(role::filled(step->title, opening_));
      break;
    case RecordKind::after:
      if (record.step == "forward-gate") held_until_ = now();
      if (record.step == "open-gate" && opening_.leader == opening_.to) held_until_ = now();
      if (record.ending == role::Ending::failed && runbook != nullptr && record.step == runbook->steps.front().id)
        refused_ = record.message;
      else if (record.ending != role::Ending::done)
        context_.report("  " + record.message);
      if (record.ending == role::Ending::left && step != nullptr)
        left_.push_back(fmt::format("\"{}\" is not done: {}", role::filled(step->title, opening_), record.message));
      break;
    case RecordKind::turned_back:
      why_back_ = record.message;
      if (refused_.empty()) context_.report("going back: " + record.message);
      break;
    case RecordKind::before_undo:
      if (step != nullptr && !step->undo.empty()) context_.report("undoing: " + role::filled(step->undo, opening_));
      break;
    case RecordKind::after_undo:
      if (record.ending == role::Ending::failed) context_.report("  " + record.message);
      break;
    case RecordKind::closed:
      closed_ = record;
      break;
    case RecordKind::opened:
      break;
    }
  }

  Result<Json> outcome() {
    if (!refused_.empty())
      return fail(ErrorKind::refused,
                  fmt::format("the {} was refused, and nothing was changed: {}", opening_.runbook, refused_),
                  "tandem status");
    if (closed_->ending == role::Ending::undone)
      return fail(ErrorKind::failed,
                  opening_.leader == opening_.from ? fmt::format("the {} was undone, and {} serves on: {}",
                                                                 opening_.runbook, opening_.from, why_back_)
                                                   : fmt::format("the {} was undone: {}", opening_.runbook, why_back_),
                  "tandem status; then try again");
    if (closed_->ending != role::Ending::done)
      return fail(ErrorKind::failed, fmt::format("the {} was closed: {}", opening_.runbook, closed_->message),
                  "tandem status");
    Json answer{{"runbook", opening_.runbook},
                {"from", opening_.from},
                {"to", opening_.to},
                {"epoch", opening_.epoch},
                {"ending", role::name_of(closed_->ending)},
                {"seconds", std::chrono::duration<double>(now() - begin_).count()}};
    if (held_since_ && held_until_)
      answer["held_ms"] = std::chrono::duration<double, std::milli>(*held_until_ - *held_since_).count();
    if (!left_.empty()) answer["left"] = left_;
    return answer;
  }

  OperationContext& context_;
  DutyKeeper& keeper_;
  std::string id_;
  role::Opening opening_;
  std::size_t seen_ = 0;
  nanoseconds begin_{0};
  nanoseconds since_{0};
  std::optional<nanoseconds> held_since_;
  std::optional<nanoseconds> held_until_;
  std::string why_back_;
  std::string refused_;           // why preflight did not let it begin
  std::vector<std::string> left_; // what a server that had its chances has not done
  std::optional<role::Record> closed_;
};

} // namespace

Result<Json> watch_run(OperationContext& context, DutyKeeper& keeper, const std::string& id) {
  return Watch(context, keeper, id).run();
}

} // namespace tandem::agent
