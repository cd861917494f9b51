#include "role/rules.hpp"

#include "role/effects.hpp"

#include <array>

namespace tandem::role {

namespace {

constexpr auto W = bit(Situation::waiting);
constexpr auto S = bit(Situation::standby);
constexpr auto P = bit(Situation::serving);
constexpr auto G = bit(Situation::granting);
constexpr auto C = bit(Situation::conflict);
constexpr std::uint8_t any = W | S | P | G | C;

using F = const Facts&;
using enum EventKind;

bool greeting(F f) {
  return f.relation == Relation::lower || f.relation == Relation::same;
}

bool agreed(F f) {
  return f.in_session && f.relation == Relation::same;
}

bool mine(F f) {
  return f.in_session && f.relation == Relation::higher_self && f.claim == Claim::open;
}

bool higher(F f) {
  return f.in_session && f.relation == Relation::higher_other;
}

bool clash(F f) {
  return f.in_session && f.relation == Relation::different;
}

bool foreign(F f) {
  return !f.in_session;
}

bool claims(F f, Claim claim) {
  return f.in_session && f.claim == claim;
}

bool answered_grant(F f) {
  return f.in_session && f.of_our_grant && f.from_target;
}

// clang-format off
constexpr auto table = std::to_array<Row>({
  {"boot.serving", boot, any, P, "PostgreSQL and the gate went on while the agent started again",
   [](F f) { return f.entitled && f.still_serving; },
   "The agent started again; {self} goes on serving at epoch {epoch}", effect::boot_serving},
  {"boot.alone", boot, any, P, "it is the primary and the only server",
   [](F f) { return f.entitled && !f.still_serving && f.alone; },
   "{self} is the only server of the pair; it serves at epoch {epoch}", effect::boot_alone},
  {"boot.ask", boot, any, W | G | C, "anything else",
   [](F f) { return !f.entitled || (!f.still_serving && !f.alone); },
   "{self} started; it asks the other servers before anything serves", effect::boot_ask},

  {"hello.foreign", hello, any, 0, "from an earlier boot, or from no server of the pair", foreign,
   "A hello of {peer} from an earlier boot was ignored", effect::nothing},
  {"hello.greet", hello, any, 0, "epoch at or below ours",
   [](F f) { return f.in_session && greeting(f); },
   "{peer} is there, at epoch {epoch}", effect::greet},
  {"hello.mine", hello, any, 0, "a higher epoch of which we are the primary",
   [](F f) { return f.in_session && f.relation == Relation::higher_self; },
   "{peer} says that epoch {epoch} is for {self}; it is asked again", effect::greet_and_ask},
  {"hello.higher.serving", hello, P, W | S, "a higher epoch of another primary", higher,
   "{peer} knows epoch {epoch} of {primary}: {self} stops writing and rejoins", effect::adopt_from_hello},
  {"hello.higher", hello, W | S | G | C, W | S, "a higher epoch of another primary", higher,
   "{peer} knows epoch {epoch} of {primary}: {self} follows it", effect::adopt_from_hello},
  {"hello.conflict.serving", hello, P, C, "our epoch with another primary", clash,
   "{peer} holds {primary} for the primary of epoch {epoch}, and {self} serves at it: {self} stops writing; choose one",
   effect::conflict_from_hello},
  {"hello.conflict", hello, W | S | G | C, C, "our epoch with another primary", clash,
   "{peer} holds {primary} for the primary of epoch {epoch}, {self} another: choose one", effect::conflict_from_hello},

  {"answer.foreign", answer, any, 0, "to an earlier boot, or from one", foreign,
   "An answer of {peer} to an earlier boot was ignored", effect::nothing},
  {"answer.lower.waiting", answer, W, W | S, "a lower epoch",
   [](F f) { return f.in_session && f.relation == Relation::lower; },
   "{peer} answers; it knows epoch {epoch} only", effect::hear_and_wait},
  {"answer.lower", answer, S | P | G | C, 0, "a lower epoch",
   [](F f) { return f.in_session && f.relation == Relation::lower; },
   "{peer} answers; it knows epoch {epoch} only", effect::hear},
  {"answer.serve", answer, W, P, "our epoch, we are its primary, and all that could have taken over have answered",
   [](F f) { return agreed(f) && f.entitled && f.settles; },
   "{peer} confirms epoch {epoch} of {self}: it serves", effect::hear_and_serve},
  {"answer.wait", answer, W, W | S, "our epoch, but another is its primary, or not all have answered",
   [](F f) { return agreed(f) && !(f.entitled && f.settles); },
   "{peer} confirms epoch {epoch} of {primary}", effect::hear_and_wait},
  {"answer.same", answer, S | P | C, 0, "our epoch and primary", agreed,
   "{peer} confirms epoch {epoch} of {primary}", effect::hear},
  {"answer.taken", answer, G, W | S, "our epoch, from the server that it was granted to",
   [](F f) { return agreed(f) && f.from_target; },
   "{peer} has taken epoch {epoch}: {self} follows it", effect::hear_taken},
  {"answer.granting", answer, G, 0, "our epoch, from another server",
   [](F f) { return agreed(f) && !f.from_target; },
   "{peer} knows that epoch {epoch} is for {primary}", effect::hear},
  {"answer.higher.serving", answer, P, W | S, "a higher epoch of another primary", higher,
   "{peer} knows epoch {epoch} of {primary}: {self} stops writing and rejoins", effect::adopt_from_answer},
  {"answer.higher", answer, W | S | G | C, W | S, "a higher epoch of another primary", higher,
   "{peer} knows epoch {epoch} of {primary}: {self} follows it", effect::adopt_from_answer},
  {"answer.mine.serving", answer, P, P, "a higher epoch of which we are the primary", mine,
   "{peer} says that epoch {epoch} is for {self}: it goes on serving at it", effect::adopt_mine_and_serve},
  {"answer.mine", answer, W | S | G | C, P, "a higher epoch of which we are the primary, all have answered",
   [](F f) { return mine(f) && f.settles; },
   "{peer} says that epoch {epoch} is for {self}: it takes it and serves", effect::adopt_mine_and_serve},
  {"answer.mine.wait", answer, W | S | G | C, W, "a higher epoch of which we are the primary, not all have answered",
   [](F f) { return mine(f) && !f.settles; },
   "{peer} says that epoch {epoch} is for {self}: it takes it and waits for the other servers", effect::adopt_mine},
  {"answer.mine.barred", answer, any, 0, "a higher epoch for us that we refused or promised away",
   [](F f) { return f.in_session && f.relation == Relation::higher_self && f.claim != Claim::open; },
   "{peer} says that epoch {epoch} is for {self}, which has given it up", effect::meet},
  {"answer.conflict.serving", answer, P, C, "our epoch with another primary", clash,
   "{peer} holds {primary} for the primary of epoch {epoch}, and {self} serves at it: {self} stops writing; choose one",
   effect::conflict_from_answer},
  {"answer.conflict", answer, W | S | G | C, C, "our epoch with another primary", clash,
   "{peer} holds {primary} for the primary of epoch {epoch}, {self} another: choose one", effect::conflict_from_answer},

  {"grant.foreign", grant, any, 0, "of another session", foreign,
   "A grant of epoch {subject} from an earlier session with {peer} was ignored", effect::nothing},
  {"grant.taken", grant, any, P, "an epoch above all known here, from a server that knows of all failovers",
   [](F f) { return claims(f, Claim::open) && f.vouched; },
   "{peer} granted epoch {subject}: {self} takes it and serves", effect::take_grant},
  {"grant.unvouched", grant, any, 0, "from a server that may have missed a failover",
   [](F f) { return claims(f, Claim::open) && !f.vouched; },
   "{peer} granted epoch {subject} before it had heard from all servers: ignored", effect::nothing},
  {"grant.known", grant, any, 0, "an epoch at or below ours", [](F f) { return claims(f, Claim::known); },
   "{peer} granted epoch {subject} again; {self} knows epoch {epoch} of {primary}", effect::reply},
  {"grant.refused", grant, any, 0, "an epoch that we refused", [](F f) { return claims(f, Claim::refused); },
   "{peer} granted epoch {subject}, which {self} has refused: refused again", effect::repeat_refusal},
  {"grant.promised", grant, any, 0, "an epoch that we promised away", [](F f) { return claims(f, Claim::promised); },
   "{peer} granted epoch {subject}, which {self} has promised away: ignored", effect::reply},

  {"ask_refusal.foreign", ask_refusal, any, 0, "of another session", foreign,
   "A wish of {peer} from an earlier session was ignored", effect::nothing},
  {"ask_refusal.candidate", ask_refusal, any, 0, "an epoch that we are about to take",
   [](F f) { return (claims(f, Claim::open) || claims(f, Claim::promised)) && f.candidate; },
   "{peer} asks to refuse epoch {subject}, which {self} is about to take", effect::nothing},
  {"ask_refusal.refuse", ask_refusal, any, 0, "an epoch that we have not taken",
   [](F f) { return (claims(f, Claim::open) || claims(f, Claim::promised)) && !f.candidate; },
   "{self} has not taken epoch {subject} and refuses it for ever, as {peer} asked", effect::refuse_grant},
  {"ask_refusal.again", ask_refusal, any, 0, "an epoch that we refused",
   [](F f) { return claims(f, Claim::refused); },
   "{self} has refused epoch {subject}: said again", effect::repeat_refusal},
  {"ask_refusal.another", ask_refusal, any, 0, "our epoch, which another server has",
   [](F f) { return claims(f, Claim::known) && f.of_another; },
   "{self} knows epoch {subject} of {primary} and will never take it itself, as {peer} asked", effect::repeat_refusal},
  {"ask_refusal.taken", ask_refusal, any, 0, "an epoch that we had, or below ours",
   [](F f) { return claims(f, Claim::known) && !f.of_another; },
   "{peer} asks to refuse epoch {subject}, but {self} knows epoch {epoch} of {primary}", effect::reply},

  {"refusal.foreign", refusal, any, 0, "of another session", foreign,
   "A refusal from an earlier session with {peer} was ignored", effect::nothing},
  {"refusal.accepted", refusal, G, P, "of our grant, by its target",
   [](F f) { return answered_grant(f) && f.settles; },
   "{peer} refused epoch {subject}: {self} serves again, at a new epoch", effect::take_after_refusal},
  {"refusal.wait", refusal, G, 0, "of our grant, by its target, but not all have answered",
   [](F f) { return answered_grant(f) && !f.settles; },
   "{peer} refused epoch {subject}; {self} waits for the other servers", effect::nothing},
  {"refusal.other", refusal, G, 0, "of another grant",
   [](F f) { return f.in_session && !(f.of_our_grant && f.from_target) && !f.of_promise; },
   "A refusal of epoch {subject} by {peer} has no meaning any more", effect::nothing},
  {"refusal.promised", refusal, any, 0, "of an epoch that we promised to it: it will never take it",
   [](F f) { return f.in_session && f.of_promise && !(f.situation == Situation::granting && answered_grant(f)); },
   "{peer} will never take epoch {subject}: {self} is bound no more by its promise", effect::release_promise},
  {"refusal.late", refusal, W | S | P | C, 0, "with no grant open",
   [](F f) { return f.in_session && !f.of_promise; },
   "A refusal of epoch {subject} by {peer} has no meaning any more", effect::nothing},

  {"ask_promise.foreign", ask_promise, any, 0, "of another session", foreign,
   "A wish of {peer} from an earlier session was ignored", effect::nothing},
  {"ask_promise.serving", ask_promise, P, 0, "nobody wants this server to stop for it",
   [](F f) { return f.in_session && !f.insists; },
   "{peer} wants to take over at epoch {subject}, but {self} serves", effect::reply},
  {"ask_promise.stopped", ask_promise, P, W, "an epoch above all known here, and the operator wants this server to stop",
   [](F f) { return claims(f, Claim::open) && f.insists; },
   "The operator lets {peer} take over: {self} stops writing and promises epoch {subject} to it",
   effect::stop_and_promise},
  {"ask_promise.serving.barred", ask_promise, P, 0, "the same for an epoch that is known, refused or promised away",
   [](F f) { return f.in_session && f.claim != Claim::open && f.insists; },
   "{peer} wants to take over at epoch {subject}; {self} cannot promise that, and says from which one on it can",
   effect::tell_limit},
  {"ask_promise.given", ask_promise, W | S | G | C, 0, "an epoch above all known here",
   [](F f) { return claims(f, Claim::open) && !f.candidate; },
   "{self} promises epoch {subject} to {peer} and vouches for nobody below it", effect::give_promise},
  {"ask_promise.yielded", ask_promise, W | S | G | C, 0,
   "an epoch above all known here, while we are taking over ourselves: the later command wins",
   [](F f) { return claims(f, Claim::open) && f.candidate; },
   "{self} gives up taking over and promises epoch {subject} to {peer}", effect::give_promise},
  {"ask_promise.barred", ask_promise, W | S | G | C, 0, "an epoch that is known, refused or promised away",
   [](F f) { return f.in_session && f.claim != Claim::open; },
   "{peer} wants to take over at epoch {subject}; {self} cannot promise that, and says from which one on it can",
   effect::tell_limit},
  {"promise.foreign", promise, any, 0, "of another session", foreign,
   "A promise from an earlier session with {peer} was ignored", effect::nothing},
  {"promise.noted", promise, any, 0, "for the failover that we began",
   [](F f) { return f.in_session && f.candidate; },
   "{peer} promised epoch {subject} to {self}", effect::note_promise},
  {"promise.late", promise, any, 0, "for another", [](F f) { return f.in_session && !f.candidate; },
   "A promise of epoch {subject} by {peer} has no meaning any more", effect::nothing},

  {"repeat.grant", repeat, G, 0, "the target is there and all have answered",
   [](F f) { return f.reachable && f.settles; },
   "Epoch {epoch} is granted to {primary} again", effect::repeat_grant},
  {"repeat.granting", repeat, G, 0, "the target is not there, or not all have answered",
   [](F f) { return !(f.reachable && f.settles); },
   "Epoch {epoch} is for {primary}, which has not answered yet", effect::ask_all},
  {"repeat.ask", repeat, W | S | C, 0, "", [](F) { return true; },
   "{self} asks the other servers again", effect::ask_all},
  {"repeat.nothing", repeat, P, 0, "", [](F) { return true; }, "Nothing is open", effect::nothing},

  {"grant_decided.sent", grant_decided, P, G, "the target has a session with us and lacks nothing",
   [](F f) { return f.reachable && !f.barred; },
   "Epoch {epoch} is {server}'s from now on: {self} serves no more", effect::decide_grant},
  {"grant_decided.barred", grant_decided, P, 0, "the target lacks acknowledged commits",
   [](F f) { return f.reachable && f.barred; },
   "{server} does not hold every acknowledged commit yet: wait until it has caught up", effect::refuse},
  {"grant_decided.silent", grant_decided, P, 0, "the target has no session with us",
   [](F f) { return !f.reachable; },
   "{server} does not answer, so that nothing can be handed to it", effect::refuse},
  {"grant_decided.elsewhere", grant_decided, W | S | G | C, 0, "", [](F) { return true; },
   "{self} does not serve, so that it has nothing to hand over", effect::refuse},

  {"take_back.asked", take_back, G, 0, "the target is there and all have answered",
   [](F f) { return f.reachable && f.settles; },
   "{self} asks {primary} to refuse epoch {epoch}", effect::ask_refusal},
  {"take_back.silent", take_back, G, 0, "the target is not there, or not all have answered",
   [](F f) { return !(f.reachable && f.settles); },
   "{primary} does not answer, and it may have taken epoch {epoch}: bring it back, or switch it off and use "
   "\"tandem failover --alone\"", effect::refuse},
  {"take_back.nothing", take_back, W | S | P | C, 0, "", [](F) { return true; },
   "{self} has no grant open", effect::refuse},

  {"give_up.done", give_up, any, 0, "", [](F) { return true; }, "{self} does not take over", effect::give_up},

  {"prepare.serving", prepare, P, 0, "", [](F) { return true; },
   "{self} serves already, at epoch {epoch}", effect::refuse},
  {"prepare.barred", prepare, W | S | G | C, 0, "we may lack acknowledged commits", [](F f) { return f.barred; },
   "{self} may lack acknowledged commits of epoch {epoch}; use --lose-commits to give them up", effect::refuse},
  {"prepare.missing", prepare, W | S | G | C, 0, "a server is neither off nor in a session with us",
   [](F f) { return !f.barred && f.cover == Cover::missing; },
   "{missing} may still serve: switch it off and name it with --alone", effect::refuse},
  {"prepare.ask", prepare, W | S | G | C, 0, "servers that are there have not promised yet",
   [](F f) { return !f.barred && f.cover == Cover::partial; },
   "{self} is to take over and asks {missing} for a promise first", effect::ask_promises},
  {"prepare.done", prepare, W | S | G | C, 0, "every other server is off or has promised",
   [](F f) { return !f.barred && f.cover == Cover::full; },
   "No other server can serve any more: {self} may take over", effect::nothing},

  {"failover.serving", failover, P, 0, "", [](F) { return true; },
   "{self} serves already, at epoch {epoch}", effect::refuse},
  {"failover.barred", failover, W | S | G | C, 0, "we may lack acknowledged commits", [](F f) { return f.barred; },
   "{self} may lack acknowledged commits of epoch {epoch}; use --lose-commits to give them up", effect::refuse},
  {"failover.missing", failover, W | S | G | C, 0, "a server is neither off nor in a session with us",
   [](F f) { return !f.barred && f.cover == Cover::missing; },
   "{missing} may still serve: switch it off and name it with --alone", effect::refuse},
  {"failover.ask", failover, W | S | G | C, 0, "servers that are there have not promised yet",
   [](F f) { return !f.barred && f.cover == Cover::partial; },
   "{self} takes over and asks {missing} for a promise first", effect::ask_promises},
  {"failover.taken", failover, W | S | G | C, P, "every other server is off or has promised",
   [](F f) { return !f.barred && f.cover == Cover::full; },
   "{self} takes over", effect::take_over},
});
// clang-format on

} // namespace

std::span<const Row> rules() {
  return table;
}

bool matches(const Row& row, EventKind kind, const Facts& facts) {
  return row.on == kind && (row.from & bit(facts.situation)) != 0 && row.matches(facts);
}

} // namespace tandem::role
