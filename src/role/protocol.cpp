#include "role/protocol.hpp"

#include "base/text.hpp"
#include "role/effects.hpp"

#include <array>
#include <cstdlib>

namespace tandem::role {

namespace {

bool is_member(const Members& members, const std::string& name) {
  return std::ranges::find(members.others, name) != members.others.end();
}

Incarnation boot_of(const Session& session, const std::string& peer) {
  const auto found = session.peers.find(peer);
  return found == session.peers.end() ? 0 : found->second;
}

bool in_session(const Members& members, const Role& role, const Event& event, const Policy& policy) {
  const auto& message = event.message;
  if (!is_member(members, message.from) || message.to != members.self) return false;
  const auto known = boot_of(role.session, message.from);
  const bool to_us = message.to_boot == role.kept.incarnation;
  if (event.kind == EventKind::hello) return message.from_boot >= known;
  if (event.kind == EventKind::answer) return message.from_boot >= known && (to_us || !policy.answers_name_boot);
  return (to_us && message.from_boot == known) || !policy.sessions_bind;
}

Relation relation_of(const Members& members, const Kept& kept, const Message& message) {
  if (message.epoch < kept.epoch) return Relation::lower;
  if (message.epoch == kept.epoch) return message.primary == kept.primary ? Relation::same : Relation::different;
  return message.primary == members.self ? Relation::higher_self : Relation::higher_other;
}

bool promised_away(const Kept& kept, Epoch epoch, const std::string& to) {
  return std::ranges::any_of(kept.promised, [&](const auto& promise) {
    return epoch < promise.second || (epoch == promise.second && promise.first != to);
  });
}

// A grant to us, or an answer that says that an epoch is ours.
Claim claim_for_us(const Members& members, const Kept& kept, Epoch epoch, const Policy& policy) {
  if (epoch <= kept.epoch) return Claim::known;
  if (policy.refusals_bind && kept.refused.contains(epoch)) return Claim::refused;
  if (policy.promises_bind && promised_away(kept, epoch, members.self)) return Claim::promised;
  return Claim::open;
}

// An epoch that another server wants to take by failover. After a refusal its asker may be one further.
Claim claim_for_other(const Kept& kept, const Message& message) {
  if (message.subject <= kept.epoch) return Claim::known;
  if (!kept.refused.empty() && message.subject <= *kept.refused.rbegin() + 1) return Claim::refused;
  return promised_away(kept, message.subject, message.from) ? Claim::promised : Claim::open;
}

bool settles(const Members& members, const Role& role, const Event& event, const Policy& policy) {
  bool settled = role.session.settled;
  Epoch known = role.kept.epoch;
  if (event.kind == EventKind::answer) {
    const auto has_answered = [&](const std::string& name) {
      return name == event.message.from || role.session.answered.contains(name);
    };
    settled = settled || event.message.settled || !policy.all_must_answer ||
              std::ranges::all_of(members.others, has_answered);
    known = std::max(known, event.message.epoch);
  }
  return settled && (highest_promise(role.kept) <= known || !policy.promises_bind);
}

Cover cover_of(const Members& members, const Role& role, const Event& event) {
  const auto names = uncovered(members, role, event);
  if (names.empty()) return Cover::full;
  const bool all_there = std::ranges::all_of(names, [&](auto& name) { return role.session.peers.contains(name); });
  return all_there ? Cover::partial : Cover::missing;
}

bool is_candidate(const Role& role, const Event& event) {
  if (!role.session.candidacy) return false;
  return event.kind == EventKind::ask_promise || role.session.candidacy->epoch == event.message.subject;
}

const std::string& server_of(const Role& role, const Event& event) {
  return event.kind == EventKind::grant_decided ? event.server : role.kept.primary;
}

// A hello and an answer are about their sender's epoch; all else speaks of ours, as it is afterwards.
std::string sentence_of(const Members& members, const Role& before, const Event& event, const Outcome& out) {
  const bool theirs = event.kind == EventKind::hello || event.kind == EventKind::answer;
  const auto& kept = out.role.kept;
  return fmt::format(
      fmt::runtime(out.row->sentence), fmt::arg("self", members.self), fmt::arg("peer", event.message.from),
      fmt::arg("subject", event.message.subject), fmt::arg("epoch", theirs ? event.message.epoch : kept.epoch),
      fmt::arg("primary", theirs ? event.message.primary : kept.primary), fmt::arg("server", event.server),
      fmt::arg("missing", join(uncovered(members, before, event), ", ")));
}

} // namespace

Epoch failover_epoch(const Role& role, Epoch at_least) {
  const auto epoch = std::max({next_epoch(role.kept), at_least, role.session.promisable});
  return role.session.candidacy ? std::max(role.session.candidacy->epoch, epoch) : epoch;
}

std::vector<std::string> uncovered(const Members& members, const Role& role, const Event& event) {
  const auto& candidacy = role.session.candidacy;
  const bool begun = candidacy && candidacy->epoch == failover_epoch(role, event.at_least);
  std::vector<std::string> names;
  for (const auto& other : members.others) {
    if (!event.off.contains(other) && !(begun && candidacy->promised.contains(other))) names.push_back(other);
  }
  return names;
}

std::string_view name_of(Situation situation) {
  constexpr std::array<std::string_view, 5> names = {"waiting", "standby", "serving", "granting", "conflict"};
  return names[static_cast<std::size_t>(situation)];
}

std::string_view name_of(Action action) {
  constexpr std::array<std::string_view, 4> names = {"serve", "stop", "follow", "ask the operator"};
  return names[static_cast<std::size_t>(action)];
}

Situation situation_of(const Members& members, const Role& role) {
  if (role.session.serving) return Situation::serving;
  if (!role.kept.conflict.empty()) return Situation::conflict;
  if (role.kept.granting) return Situation::granting;
  const bool other = !role.kept.primary.empty() && role.kept.primary != members.self;
  return other && role.session.settled ? Situation::standby : Situation::waiting;
}

bool vouches(const Role& role) {
  return role.session.settled && role.kept.promised.empty() && !role.session.candidacy && role.kept.conflict.empty();
}

Message hello_to(const std::string& server, const Members& members, const Role& role) {
  Message hello{.kind = MessageKind::hello, .from = members.self, .to = server};
  hello.from_boot = role.kept.incarnation;
  hello.epoch = role.kept.epoch;
  hello.primary = role.kept.primary;
  hello.settled = vouches(role);
  hello.in_sync = role.kept.in_sync;
  return hello;
}

Event event_of(const Message& message) {
  constexpr std::array<EventKind, 7> kinds = {EventKind::hello,       EventKind::answer,  EventKind::grant,
                                              EventKind::ask_refusal, EventKind::refusal, EventKind::ask_promise,
                                              EventKind::promise};
  Event event;
  event.kind = kinds[static_cast<std::size_t>(message.kind)];
  event.message = message;
  return event;
}

Facts facts_of(const Members& members, const Role& role, const Event& event, const Policy& policy) {
  const auto& kept = role.kept;
  const auto& message = event.message;
  Facts facts;
  facts.situation = situation_of(members, role);
  facts.in_session = in_session(members, role, event, policy);
  facts.relation = relation_of(members, kept, message);
  facts.claim = event.kind == EventKind::ask_promise ? claim_for_other(kept, message)
                : event.kind == EventKind::answer    ? claim_for_us(members, kept, message.epoch, policy)
                                                     : claim_for_us(members, kept, message.subject, policy);
  facts.settles = settles(members, role, event, policy);
  facts.vouched = message.settled || !policy.all_must_answer;
  facts.entitled = kept.primary == members.self && !kept.granting && kept.conflict.empty();
  facts.from_target = kept.granting && message.from == kept.primary;
  facts.of_our_grant = kept.granting && message.subject == kept.epoch;
  facts.alone = members.others.empty();
  facts.still_serving = event.still_serving;
  facts.reachable = role.session.peers.contains(server_of(role, event));
  facts.candidate = is_candidate(role, event);
  facts.insists = message.insist;
  facts.of_another = message.subject == kept.epoch && kept.primary != members.self;
  const auto promise = kept.promised.find(message.from);
  facts.of_promise = promise != kept.promised.end() && promise->second == message.subject;
  facts.barred =
      event.no_loss && !kept.in_sync.contains(event.kind == EventKind::grant_decided ? event.server : members.self);
  facts.cover = cover_of(members, role, event);
  return facts;
}

Outcome transition(const Members& members, const Role& role, const Event& event, const Policy& policy) {
  const auto facts = facts_of(members, role, event, policy);
  Outcome out;
  out.role = role;
  for (const auto& row : rules()) {
    if (!matches(row, event.kind, facts)) continue;
    out.row = &row;
    Context context{members, event, policy, facts, out};
    row.apply(context);
    break;
  }
  if (out.row == nullptr) std::abort(); // the table is total: rules_test.cpp proves it
  out.store = out.role.kept != role.kept;
  out.sentence = sentence_of(members, role, event, out);
  auto& history = out.role.kept.history;
  if (!history.empty() && history.back().reason.empty()) history.back().reason = out.sentence;
  return out;
}

} // namespace tandem::role
