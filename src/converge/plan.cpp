#include "converge/plan.hpp"

#include "base/text.hpp"

namespace tandem::converge {

namespace {

// A depth-first walk that keeps the list's order wherever `after` does not say otherwise.
class Sorter {
public:
  explicit Sorter(std::vector<Resource>& resources)
      : resources_(resources), state_(resources.size(), State::untouched) {}

  Result<std::vector<Resource>> sort() {
    for (std::size_t i = 0; i < resources_.size(); ++i)
      if (!index_.emplace(id_of(resources_[i].kind), i).second)
        return fail(ErrorKind::invalid, id_of(resources_[i].kind) + " is asked for twice");
    for (std::size_t i = 0; i < resources_.size(); ++i)
      TANDEM_CHECK(visit(i));
    return std::move(sorted_);
  }

private:
  enum class State { untouched, open, done };

  Result<void> visit(std::size_t i) {
    if (state_[i] == State::done) return {};
    if (state_[i] == State::open) return fail(ErrorKind::invalid, id_of(resources_[i].kind) + " depends on itself");
    state_[i] = State::open;
    for (const auto& id : resources_[i].after) {
      const auto needed = index_.find(id);
      if (needed == index_.end())
        return fail(ErrorKind::invalid, id_of(resources_[i].kind) + " comes after " + id + ", which nothing makes");
      TANDEM_CHECK(visit(needed->second));
    }
    state_[i] = State::done;
    sorted_.push_back(std::move(resources_[i]));
    return {};
  }

  std::vector<Resource>& resources_;
  std::vector<State> state_;
  std::map<std::string, std::size_t> index_;
  std::vector<Resource> sorted_;
};

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string summary(const Plan& plan, const std::string& server) {
  if (plan.empty()) return server + ": no changes (" + counted(plan.compared, "resource") + " compared)\n";
  std::map<ChangeKind, std::size_t> counts;
  std::size_t edited = 0;
  for (const auto& change : plan.changes) {
    ++counts[change.kind];
    edited += change.edited_by_hand ? 1 : 0;
  }
  auto text = fmt::format("{}: {} to create, {} to change, {} to remove, {} to run ({} compared)", server,
                          counts[ChangeKind::create], counts[ChangeKind::change], counts[ChangeKind::remove],
                          counted(counts[ChangeKind::react], "reload"), counted(plan.compared, "resource"));
  if (edited > 0) text += fmt::format("; {} edited by hand", counted(edited, "file"));
  return text + "\n";
}

char sign_of(ChangeKind kind) {
  switch (kind) {
  case ChangeKind::create:
    return '+';
  case ChangeKind::change:
    return '~';
  case ChangeKind::remove:
    return '-';
  case ChangeKind::react:
    return '!';
  }
  return '?';
}

} // namespace

Result<std::vector<Resource>> in_order(std::vector<Resource> resources) {
  return Sorter(resources).sort();
}

Result<Plan> make_plan(const std::vector<Resource>& resources, Reader& reader, const std::set<Reaction>& owed) {
  Plan plan;
  plan.compared = resources.size();
  std::vector<Reaction> reactions(owed.begin(), owed.end());
  for (const auto& resource : resources) {
    auto reading = reader.read(resource.kind);
    if (!reading) return std::unexpected(std::move(reading).error().within("reading " + id_of(resource.kind)));
    if (const auto* database = std::get_if<DatabaseReading>(&reading->value))
      plan.held_back.insert(plan.held_back.end(), database->held_back.begin(), database->held_back.end());
    TANDEM_TRY(auto change, compare(resource, *reading));
    if (!change) continue;
    plan.changes.push_back(std::move(*change));
    for (const auto& reaction : resource.reactions)
      if (std::ranges::find(reactions, reaction) == reactions.end()) reactions.push_back(reaction);
  }
  for (const auto& reaction : reactions)
    plan.changes.push_back(
        {.kind = ChangeKind::react,
         .id = to_text(reaction),
         .why = owed.contains(reaction) ? "an earlier run was cut off before it" : "what it reads changes"});
  return plan;
}

std::string to_text(const Plan& plan, const std::string& server) {
  std::string text = summary(plan, server);
  for (const auto& change : plan.changes) {
    text += fmt::format("  {} {}{}\n", sign_of(change.kind), change.id,
                        change.why.empty() ? "" : "   (" + change.why + ")");
    for (const auto& detail : change.details)
      text += "      " + detail + "\n";
  }
  if (!plan.held_back.empty())
    text += "  waiting: PostgreSQL lowers " + join(plan.held_back, ", ") + " once its primary has less, too\n";
  return text;
}

} // namespace tandem::converge
