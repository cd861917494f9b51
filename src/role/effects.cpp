#include "role/effects.hpp"

namespace tandem::role::effect {

namespace {

Kept& kept(Context& context) {
  return context.out.role.kept;
}

Session& session(Context& context) {
  return context.out.role.session;
}

void act(Context& context, Action action) {
  context.out.actions.push_back(action);
}

void send(Context& context, MessageKind kind, const std::string& to, Epoch subject = 0) {
  const auto& role = context.out.role;
  Message message;
  message.kind = kind;
  message.from = context.members.self;
  message.to = to;
  message.from_boot = role.kept.incarnation;
  const auto peer = role.session.peers.find(to);
  if (kind != MessageKind::hello && peer != role.session.peers.end()) message.to_boot = peer->second;
  message.epoch = role.kept.epoch;
  message.primary = role.kept.primary;
  message.settled = vouches(role) || (!context.policy.promises_bind && role.session.settled);
  message.subject = subject;
  message.in_sync = role.kept.in_sync;
  context.out.messages.push_back(std::move(message));
}

void announce(Context& context) {
  for (const auto& [peer, boot] : session(context).peers)
    send(context, MessageKind::answer, peer);
}

void learn_boot(Context& context) {
  session(context).peers[context.event.message.from] = context.event.message.from_boot;
}

// One that knows a lower epoch only vouches for that one, and may serve at it: what it says counts once it knows ours.
// The target of our grant may never know it, when it has refused it, and can serve at no other without our word.
bool counts(const Kept& kept, const Message& answer) {
  return answer.epoch >= kept.epoch || (kept.granting && answer.from == kept.primary);
}

void note_answer(Context& context) {
  learn_boot(context);
  auto& now = session(context);
  const auto& message = context.event.message;
  if (counts(kept(context), message)) now.answered.insert(message.from);
  const bool all = std::ranges::all_of(context.members.others, [&](auto& name) { return now.answered.contains(name); });
  if ((message.settled && counts(kept(context), message)) || all || !context.policy.all_must_answer) now.settled = true;
  if (message.epoch == kept(context).epoch && message.from == kept(context).primary)
    kept(context).in_sync = message.in_sync;
  // It cannot promise what we ask for: the operator's next command asks for a higher epoch.
  if (message.subject > 0) now.promisable = std::max(now.promisable, message.subject + 1);
}

// Another primary, or none: whatever this server was about to do at a lower epoch has lost its meaning.
void set_epoch(Context& context, Epoch epoch, const std::string& primary) {
  auto& now = kept(context);
  now.epoch = epoch;
  now.primary = primary;
  now.granting = false;
  now.conflict.clear();
  std::erase_if(now.refused, [&](Epoch refused) { return refused < epoch; });
  std::erase_if(now.promised, [&](const auto& promise) { return promise.second <= epoch; });
  if (session(context).promisable <= epoch) session(context).promisable = 0;
  auto change = context.event.note;
  change.epoch = epoch;
  change.primary = primary;
  now.history.push_back(std::move(change));
  if (now.history.size() > history_limit) now.history.erase(now.history.begin());
}

void start_serving(Context& context) {
  session(context).serving = true;
  session(context).settled = true;
  session(context).candidacy.reset();
  act(context, Action::serve);
}

void stop_serving(Context& context) {
  if (std::exchange(session(context).serving, false)) act(context, Action::stop);
}

void take_epoch(Context& context, Epoch epoch) {
  set_epoch(context, epoch, context.members.self);
  kept(context).in_sync = {context.members.self};
  start_serving(context);
  announce(context);
}

void adopt(Context& context) {
  const auto& message = context.event.message;
  stop_serving(context);
  session(context).candidacy.reset();
  set_epoch(context, message.epoch, message.primary);
  kept(context).in_sync = message.in_sync;
  // What one says who has just started itself shows only that this server did not know of every failover, and that
  // there may be more of them: its word must not let the other serve before all have been heard.
  if (!message.settled && context.policy.all_must_answer) {
    session(context).settled = false;
    session(context).answered.clear();
  }
  act(context, Action::follow);
}

void claim_conflict(Context& context) {
  stop_serving(context);
  kept(context).conflict = context.event.message.primary;
  session(context).candidacy.reset();
  act(context, Action::ask_operator);
}

// A server that was promised an epoch and took it not, may have forgotten that by now: its failover was given up. Until
// it says that it never will, the promise binds.
void ask_release(Context& context) {
  for (const auto& [server, epoch] : kept(context).promised)
    if (session(context).peers.contains(server)) send(context, MessageKind::ask_refusal, server, epoch);
}

void start_session(Context& context) {
  session(context) = Session{};
  ++kept(context).incarnation;
}

} // namespace

void boot_serving(Context& context) {
  start_session(context);
  start_serving(context);
  ask_all(context);
}

void boot_alone(Context& context) {
  start_session(context);
  start_serving(context);
}

void boot_ask(Context& context) {
  start_session(context);
  if (context.event.still_serving) act(context, Action::stop);
  if (!kept(context).conflict.empty()) act(context, Action::ask_operator);
  ask_all(context);
}

void nothing(Context&) {}

void refuse(Context& context) {
  context.out.refused = true;
}

void reply(Context& context) {
  send(context, MessageKind::answer, context.event.message.from);
}

void meet(Context& context) {
  learn_boot(context);
}

void greet(Context& context) {
  learn_boot(context);
  reply(context);
}

void greet_and_ask(Context& context) {
  greet(context);
  send(context, MessageKind::hello, context.event.message.from);
}

void adopt_from_hello(Context& context) {
  learn_boot(context);
  adopt(context);
  reply(context);
}

void conflict_from_hello(Context& context) {
  learn_boot(context);
  claim_conflict(context);
  reply(context);
}

void hear(Context& context) {
  note_answer(context);
}

void hear_and_serve(Context& context) {
  note_answer(context);
  start_serving(context);
  announce(context);
}

void hear_and_wait(Context& context) {
  note_answer(context);
  if (situation_of(context.members, context.out.role) == Situation::standby) act(context, Action::follow);
}

void hear_taken(Context& context) {
  note_answer(context);
  kept(context).granting = false;
  kept(context).in_sync = context.event.message.in_sync;
  act(context, Action::follow);
}

void adopt_from_answer(Context& context) {
  adopt(context);
  note_answer(context);
}

void adopt_mine_and_serve(Context& context) {
  note_answer(context);
  take_epoch(context, context.event.message.epoch);
}

void adopt_mine(Context& context) {
  note_answer(context);
  set_epoch(context, context.event.message.epoch, context.members.self);
}

void conflict_from_answer(Context& context) {
  note_answer(context);
  claim_conflict(context);
}

void take_grant(Context& context) {
  take_epoch(context, context.event.message.subject);
}

void refuse_grant(Context& context) {
  kept(context).refused.insert(context.event.message.subject);
  repeat_refusal(context);
}

void repeat_refusal(Context& context) {
  send(context, MessageKind::refusal, context.event.message.from, context.event.message.subject);
}

void take_after_refusal(Context& context) {
  take_epoch(context, next_epoch(kept(context)));
}

void give_promise(Context& context) {
  const auto& message = context.event.message;
  session(context).candidacy.reset();
  kept(context).promised[message.from] = message.subject;
  send(context, MessageKind::promise, message.from, message.subject);
}

void stop_and_promise(Context& context) {
  stop_serving(context);
  give_promise(context);
}

void tell_limit(Context& context) {
  send(context, MessageKind::answer, context.event.message.from, next_epoch(kept(context)) - 1);
}

void note_promise(Context& context) {
  session(context).candidacy->promised.insert(context.event.message.from);
}

// The target may have started again and taken the epoch since, without a word that arrived here.
void repeat_grant(Context& context) {
  send(context, MessageKind::grant, kept(context).primary, kept(context).epoch);
  ask_all(context);
}

void ask_all(Context& context) {
  for (const auto& other : context.members.others)
    send(context, MessageKind::hello, other);
  ask_release(context);
}

void release_promise(Context& context) {
  kept(context).promised.erase(context.event.message.from);
}

void give_up(Context& context) {
  session(context).candidacy.reset();
}

void decide_grant(Context& context) {
  set_epoch(context, next_epoch(kept(context)), context.event.server);
  kept(context).granting = true;
  stop_serving(context);
  send(context, MessageKind::grant, kept(context).primary, kept(context).epoch);
}

void ask_refusal(Context& context) {
  send(context, MessageKind::ask_refusal, kept(context).primary, kept(context).epoch);
}

void ask_promises(Context& context) {
  auto& candidacy = session(context).candidacy;
  const auto epoch = failover_epoch(context.out.role, context.event.at_least);
  if (!candidacy || candidacy->epoch < epoch) candidacy = Candidacy{epoch, {}};
  for (const auto& other : context.members.others) {
    if (context.event.off.contains(other) || candidacy->promised.contains(other)) continue;
    send(context, MessageKind::ask_promise, other, candidacy->epoch);
    context.out.messages.back().insist = context.event.insist;
  }
}

void take_over(Context& context) {
  take_epoch(context, failover_epoch(context.out.role, context.event.at_least));
}

} // namespace tandem::role::effect
