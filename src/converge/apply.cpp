#include "converge/apply.hpp"

#include "converge/actions.hpp"
#include "converge/checked_files.hpp"
#include "converge/unit_words.hpp"

namespace tandem::converge {

namespace {

class Run {
public:
  Run(ApplyContext& context, const std::vector<Resource>& resources, Ledger& ledger, Before& before)
      : context_(context), resources_(resources), ledger_(ledger), before_(before),
        reader_(context.ports, ledger, context.issuer), actions_(context, ledger, before, reader_) {}

  // A refusal must come before anything is changed, not half-way.
  Result<void> look_ahead() {
    TANDEM_CHECK(make_plan(resources_, reader_, ledger_.owed()));
    return {};
  }

  Applied run() {
    for (std::size_t i = 0; i < resources_.size();) {
      const auto next = i + group_size(i);
      if (auto made = make_group(i, next); !made) return stopped(i, std::move(made).error());
      i = next;
    }
    for (const auto& reaction : std::set<Reaction>(ledger_.owed()))
      if (auto paid = pay(reaction); !paid) {
        applied_.failed = to_text(reaction);
        applied_.error = std::move(paid).error();
        break;
      }
    return std::move(applied_);
  }

private:
  [[nodiscard]] const FileCheck* check_of(std::size_t i) const {
    const auto* file = std::get_if<File>(&resources_[i].kind);
    return file != nullptr && file->check ? &*file->check : nullptr;
  }

  // Files with the same check that follow each other make one group; everything else stands alone.
  [[nodiscard]] std::size_t group_size(std::size_t first) const {
    const auto* check = check_of(first);
    std::size_t count = 1;
    if (check == nullptr) return count;
    while (first + count < resources_.size()) {
      const auto* other = check_of(first + count);
      if (other == nullptr || !(*other == *check)) break;
      ++count;
    }
    return count;
  }

  Result<void> make_group(std::size_t first, std::size_t end) {
    if (const auto* unit = std::get_if<Unit>(&resources_[first].kind)) TANDEM_CHECK(pay_before(unit->name));
    // What waits for a restart is only known once the service has read its files again.
    if (const auto* settings = std::get_if<DatabaseRestart>(&resources_[first].kind))
      TANDEM_CHECK(pay_before(settings->unit));
    if (check_of(first) != nullptr) return make_checked(first, end);
    return make_single(resources_[first]);
  }

  Result<void> make_single(const Resource& resource) {
    TANDEM_TRY(auto reading, reader_.read(resource.kind));
    if (const auto* database = std::get_if<DatabaseReading>(&reading.value))
      applied_.held_back.insert(applied_.held_back.end(), database->held_back.begin(), database->held_back.end());
    TANDEM_TRY(const auto change, compare(resource, reading));
    if (!change) return is_open(resource) ? record(resource) : Result<void>{};
    context_.observer.starting(*change);
    TANDEM_CHECK(owe(resource));
    TANDEM_CHECK(context_.halts.reached(Moment::before, *change));
    TANDEM_CHECK(context_.halts.may_go_on());
    if (auto made = actions_.make(resource.kind, reading); !made)
      return std::unexpected(std::move(made).error().within(change->id));
    TANDEM_CHECK(context_.halts.reached(Moment::after, *change));
    TANDEM_CHECK(confirm(resource));
    TANDEM_CHECK(record(resource));
    finish(*change);
    return {};
  }

  Result<void> make_checked(std::size_t first, std::size_t end) {
    CheckedFiles checked(context_, actions_, ledger_);
    std::vector<CheckedFiles::Candidate> candidates;
    std::vector<Resource> unchecked; // written by a run that was cut off before it knew whether they may stay
    for (std::size_t i = first; i < end; ++i) {
      TANDEM_TRY(auto reading, reader_.read(resources_[i].kind));
      TANDEM_TRY(auto change, compare(resources_[i], reading));
      if (!change && is_open(resources_[i])) unchecked.push_back(resources_[i]);
      if (!change) continue;
      TANDEM_CHECK(owe(resources_[i]));
      candidates.push_back(
          {std::get<File>(resources_[i].kind), std::get<PathReading>(reading.value), std::move(*change)});
    }
    if (!candidates.empty())
      TANDEM_CHECK(checked.write(candidates));
    else if (!unchecked.empty())
      TANDEM_CHECK(checked.check_again(*check_of(first)));
    for (const auto& resource : unchecked)
      TANDEM_CHECK(record(resource));
    for (const auto& candidate : candidates) {
      TANDEM_CHECK(record({.kind = candidate.file}));
      finish(candidate.change);
    }
    return {};
  }

  // An action that reports success and yet changed nothing would otherwise come back in every plan.
  Result<void> confirm(const Resource& resource) {
    reader_.forget();
    TANDEM_TRY(const auto reading, reader_.read(resource.kind));
    TANDEM_TRY(const auto left, compare(resource, reading));
    if (!left) return {};
    const auto detail = left->details.empty() ? std::string("it is still not there") : left->details.front();
    return failed(left->id + ": the change was made, but " + detail);
  }

  Result<void> owe(const Resource& resource) {
    before_.expect(resource);
    for (const auto& reaction : resource.reactions)
      ledger_.owe(reaction);
    return resource.reactions.empty() ? Result<void>{} : ledger_.save(context_.ports.files);
  }

  [[nodiscard]] bool is_open(const Resource& resource) const {
    const auto* file = std::get_if<File>(&resource.kind);
    return file != nullptr && ledger_.is_open(file->path);
  }

  // What the next run cannot read from the server itself: who wrote a file.
  Result<void> record(const Resource& resource) {
    const auto* file = std::get_if<File>(&resource.kind);
    if (file == nullptr) return {};
    ledger_.settle(file->path, file->content);
    return ledger_.save(context_.ports.files);
  }

  // Nothing is owed to a unit that starts afterwards: it reads everything anyway.
  Result<void> pay_before(const std::string& unit) {
    for (const auto& reaction : std::set<Reaction>(ledger_.owed()))
      if (reaction.kind == ReactionKind::reload_manager || reaction.unit == unit) TANDEM_CHECK(pay(reaction));
    return {};
  }

  Result<void> pay(const Reaction& reaction) {
    TANDEM_CHECK(react(reaction));
    ledger_.paid(reaction);
    return ledger_.save(context_.ports.files);
  }

  Result<void> react(const Reaction& reaction) {
    if (reaction.kind != ReactionKind::reload_manager) {
      TANDEM_TRY(const auto status, context_.ports.services.status(reaction.unit));
      if (status.active != "active" && status.active != "reloading") return {};
    }
    const Change change{.kind = ChangeKind::react, .id = to_text(reaction), .why = "what it reads has changed"};
    context_.observer.starting(change);
    TANDEM_CHECK(context_.halts.reached(Moment::before, change));
    TANDEM_CHECK(context_.halts.may_go_on());
    TANDEM_CHECK(tell(reaction));
    TANDEM_CHECK(context_.halts.reached(Moment::after, change));
    finish(change);
    return {};
  }

  // Of one service, one server at a time is away; systemd itself is not away while it reads its files.
  Result<void> tell(const Reaction& reaction) {
    auto& services = context_.ports.services;
    if (reaction.kind == ReactionKind::reload_manager) return services.reload_manager();
    if (reaction.kind == ReactionKind::renew) return services.begin(system::UnitDeed::restart, reaction.unit);
    TANDEM_CHECK(context_.turns.take(reaction));
    auto done =
        reaction.kind == ReactionKind::restart ? services.restart(reaction.unit) : services.reload(reaction.unit);
    context_.turns.give_back(reaction, done || done.error().kind == ErrorKind::refused); // refused: not tried at all
    if (!done)
      return std::unexpected(with_last_words(context_.ports.processes, reaction.unit, std::move(done).error()));
    return {};
  }

  void finish(const Change& change) {
    applied_.done.push_back(change.id);
    context_.observer.finished(change);
    reader_.forget();
  }

  Applied stopped(std::size_t at, Error error) {
    applied_.failed = id_of(resources_[at].kind);
    applied_.error = std::move(error);
    reader_.forget();
    for (std::size_t i = at + 1; i < resources_.size(); ++i) {
      auto reading = reader_.read(resources_[i].kind);
      auto change = reading ? compare(resources_[i], *reading) : Result<std::optional<Change>>{std::optional<Change>{}};
      if (!reading || !change || *change) applied_.not_started.push_back(id_of(resources_[i].kind));
    }
    return std::move(applied_);
  }

  ApplyContext& context_;
  const std::vector<Resource>& resources_;
  Ledger& ledger_;
  Before& before_;
  Reader reader_;
  Actions actions_;
  Applied applied_;
};

} // namespace

Result<Applied> apply(const std::vector<Resource>& resources, ApplyContext& context) {
  TANDEM_TRY(const auto ordered, in_order(resources));
  TANDEM_CHECK(context.ports.files.make_folder(context.state_folder, 0700, {}));
  Ledger ledger(context.state_folder + "/converge.json");
  TANDEM_CHECK(ledger.load(context.ports.files));
  Before before(context.state_folder, context.notes_before);
  TANDEM_CHECK(before.load(context.ports.files));
  Run run(context, ordered, ledger, before);
  TANDEM_CHECK(run.look_ahead());
  return run.run();
}

Result<Plan> plan_only(const std::vector<Resource>& resources, system::Ports& ports, CertificateIssuer& issuer,
                       const std::string& state_folder) {
  TANDEM_TRY(const auto ordered, in_order(resources));
  Ledger ledger(state_folder + "/converge.json");
  TANDEM_CHECK(ledger.load(ports.files));
  Reader reader(ports, ledger, issuer);
  return make_plan(ordered, reader, ledger.owed());
}

} // namespace tandem::converge
