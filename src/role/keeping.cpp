#include "role/keeping.hpp"

namespace tandem::role {

namespace {

// Another server wants something that costs this one its right to write.
bool is_asked(const Event& event) {
  return event.kind == EventKind::ask_promise || event.kind == EventKind::grant_decided;
}

// Another server tells what is the case already, and this one gains nothing by it.
bool is_told(const Event& event, const Outcome& outcome) {
  return (event.kind == EventKind::hello || event.kind == EventKind::answer) && !outcome.role.session.serving;
}

} // namespace

void Keeping::load(Members members, Kept kept) {
  members_ = std::move(members);
  role_ = Role{.kept = std::move(kept), .session = {}};
  booted_ = behind_ = false;
}

// What a start that is not stored yet may take in: that this server, or what the agent before it left, has to stop.
bool Keeping::has_to_stop(const Event& event) const {
  const auto& message = event.message;
  const bool member = std::ranges::find(members_.others, message.from) != members_.others.end();
  return member && (event.kind == EventKind::hello || event.kind == EventKind::answer) &&
         message.primary != members_.self && message.epoch >= role_.kept.epoch && role_.kept.primary == members_.self;
}

Outcome Keeping::take(const Event& event) {
  if (!booted_ && event.kind != EventKind::boot) {
    if (has_to_stop(event)) ports_.stop();
    Outcome outcome{.role = role_};
    outcome.refused = true;
    outcome.sentence = problem_.empty() ? "this server does not know its role yet" : problem_;
    return outcome;
  }
  auto outcome = transition(members_, role_, event, policy_);
  const bool stops = std::ranges::find(outcome.actions, Action::stop) != outcome.actions.end();
  if (stops && !is_asked(event)) ports_.stop();
  const bool needed = outcome.store || behind_;
  // A disk that failed is tried again even where there is nothing to store, so that it is known when it is well.
  const bool tried = needed || (!problem_.empty() && event.kind == EventKind::repeat);
  const auto stored = tried ? ports_.store(outcome.role.kept) : Result<void>();
  if (!stored) problem_ = describe(stored.error());
  if (!stored && needed) {
    const bool told = is_told(event, outcome);
    return forgo(std::move(outcome), told);
  }
  if (stored && tried) problem_.clear();
  if (stops && is_asked(event)) ports_.stop();
  behind_ = false;
  booted_ = true;
  return accept(std::move(outcome));
}

Outcome Keeping::accept(Outcome outcome) {
  role_ = outcome.role;
  return outcome;
}

Outcome Keeping::forgo(Outcome outcome, bool told) {
  outcome.messages.clear();
  behind_ = behind_ || told;
  if (told) return accept(std::move(outcome));
  outcome.role = role_;
  outcome.actions.clear();
  outcome.store = false;
  outcome.refused = true;
  outcome.sentence = problem_;
  return outcome;
}

Result<void> Keeping::remember_run(const std::string& id) {
  auto kept = role_.kept;
  kept.latest_run = id;
  auto stored = ports_.store(kept);
  problem_ = stored ? std::string() : describe(stored.error());
  if (!stored) return stored;
  behind_ = false;
  role_.kept = std::move(kept);
  return {};
}

} // namespace tandem::role
