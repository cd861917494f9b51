#include "explorer.hpp"

#include <fmt/format.h>

namespace tandem::role::testing {

namespace {

constexpr std::array<std::string_view, 3> names = {"uno", "duo", "tre"};

void insert_sorted(auto& messages, std::uint16_t message, std::size_t limit, bool& fits) {
  if (std::ranges::find(messages, message) != messages.end()) return; // doubled already
  const auto used = static_cast<std::size_t>(std::ranges::count_if(messages, [](auto m) { return m != 0; }));
  if (used >= limit) {
    fits = false;
    return;
  }
  messages[0] = message; // zeros sort first
  std::ranges::sort(messages);
}

} // namespace

std::size_t Explorer::Hash::operator()(const State& state) const {
  std::uint64_t hash = 0x9E3779B97F4A7C15U;
  const auto mix = [&](std::uint64_t value) {
    hash = (hash ^ value) * 0xFF51AFD7ED558CCDU;
    hash ^= hash >> 29U;
  };
  for (const auto role : state.role)
    mix(role);
  for (const auto message : state.message)
    mix(message);
  mix(state.up | state.crashes << 8U | state.commands << 16U);
  return hash ^ hash >> 32U;
}

Explorer::Explorer(Bounds bounds, Policy policy) : bounds_(bounds), policy_(policy) {
  messages_.emplace_back(); // number 0: none
  delivery_.emplace_back();
  events_.emplace_back(); // number 0: no event
  for (int self = 0; self < bounds.servers; ++self) {
    Members members;
    members.self = names[self];
    for (int other = 0; other < bounds.servers; ++other)
      if (other != self) members.others.emplace_back(names[other]);
    members_.push_back(members);
  }
  number_events();
}

std::uint16_t Explorer::role_number(const Role& role) {
  std::string key = encode(role.kept);
  key += role.session.serving ? 'P' : '-';
  key += role.session.settled ? 'S' : '-';
  for (const auto& [peer, boot] : role.session.peers)
    key += fmt::format(" {}:{}", peer, boot);
  for (const auto& peer : role.session.answered)
    key += " +" + peer;
  key += fmt::format(" p{}", role.session.promisable);
  if (role.session.candidacy) {
    key += fmt::format(" c{}", role.session.candidacy->epoch);
    for (const auto& peer : role.session.candidacy->promised)
      key += " " + peer;
  }
  const auto [found, added] = role_numbers_.try_emplace(key, static_cast<std::uint16_t>(roles_.size()));
  if (added) roles_.push_back(role);
  return found->second;
}

std::uint16_t Explorer::crashed(std::uint16_t role) {
  crashed_.resize(roles_.size(), 0xFFFF);
  if (crashed_[role] == 0xFFFF) {
    auto bare = roles_[role];
    bare.session = {};
    const auto number = role_number(bare);
    crashed_[role] = number;
  }
  return crashed_[role];
}

void Explorer::number_events() {
  boot_ = event_number(Event{EventKind::boot});
  Event restart{EventKind::boot};
  restart.still_serving = true;
  restart_ = event_number(restart);
  repeat_ = event_number(Event{EventKind::repeat});
  take_back_ = event_number(Event{EventKind::take_back});
  give_up_ = event_number(Event{EventKind::give_up});
  for (const auto& members : members_) {
    grants_.emplace_back();
    for (const auto& other : members.others) {
      Event grant{EventKind::grant_decided};
      grant.server = other;
      grants_.back().push_back(event_number(grant));
    }
  }
  for (unsigned up = 0; up < 1U << members_.size(); ++up) {
    Event failover{EventKind::failover};
    for (std::size_t server = 0; server < members_.size(); ++server)
      if ((up >> server & 1U) == 0) failover.off.emplace(names[server]);
    failovers_.emplace_back();
    for (const auto kind : {EventKind::failover, EventKind::prepare})
      for (const bool insist : {false, true}) {
        failover.kind = kind;
        failover.insist = insist;
        failovers_.back().push_back(event_number(failover));
      }
  }
}

std::uint16_t Explorer::message_number(const Message& message) {
  const auto [found, added] = message_numbers_.try_emplace(message, static_cast<std::uint16_t>(messages_.size()));
  if (added) {
    messages_.push_back(message);
    events_.push_back(event_of(message));
    delivery_.push_back({static_cast<std::uint32_t>(events_.size() - 1)});
  }
  return found->second;
}

std::uint32_t Explorer::event_number(const Event& event) {
  std::string key =
      fmt::format("{} {} {} {}", static_cast<int>(event.kind), event.still_serving, event.insist, event.server);
  for (const auto& server : event.off)
    key += " " + server;
  const auto [found, added] = event_numbers_.try_emplace(key, static_cast<std::uint32_t>(events_.size()));
  if (added) events_.push_back(event);
  return found->second;
}

const Explorer::Effect& Explorer::effect(int server, std::uint16_t role, std::uint32_t event) {
  const auto key = std::uint64_t{event} << 32U | std::uint64_t{role} << 8U | static_cast<std::uint64_t>(server);
  if (const auto found = effects_.find(key); found != effects_.end()) return found->second;
  const auto& members = members_[server];
  const auto before = situation_of(members, roles_[role]);
  auto out = transition(members, roles_[role], events_[event], policy_);
  const auto after = situation_of(members, out.role);
  findings_.rows.insert(out.row->id);
  const bool allowed = out.row->to == 0 ? before == after : (out.row->to & bit(after)) != 0;
  if (!allowed) findings_.wrong.push_back(fmt::format("{}: {} -> {}", out.row->id, name_of(before), name_of(after)));
  out.role.kept.history.clear();
  Effect effect;
  effect.role = role_number(out.role);
  for (const auto& message : out.messages)
    effect.messages.push_back(message_number(message));
  return effects_.emplace(key, std::move(effect)).first->second;
}

Explorer::State Explorer::first_state() {
  State state;
  for (int server = 0; server < bounds_.servers; ++server) {
    Role role;
    role.kept.epoch = 1;
    role.kept.primary = names[0];
    role.kept.incarnation = 1;
    role.session.serving = server == 0;
    role.session.settled = true;
    for (const auto& other : members_[server].others) {
      role.session.peers[other] = 1;
      role.session.answered.insert(other);
    }
    state.role[server] = role_number(role);
    state.up |= static_cast<std::uint8_t>(1U << static_cast<unsigned>(server));
  }
  state.crashes = static_cast<std::uint8_t>(bounds_.crashes);
  state.commands = static_cast<std::uint8_t>(bounds_.commands);
  return state;
}

void Explorer::reach(const State& state, int server, std::uint32_t event) {
  const auto [found, added] = seen_.try_emplace(state, static_cast<std::uint32_t>(states_.size()));
  if (!added) return;
  states_.push_back(state);
  steps_.push_back({current_, event, static_cast<std::uint8_t>(server)});
}

void Explorer::apply(State state, int server, std::uint32_t event) {
  const auto& after = effect(server, state.role[server], event);
  state.role[server] = after.role;
  bool fits = true;
  for (const auto message : after.messages)
    insert_sorted(state.message, message, bounds_.messages, fits);
  if (fits) reach(state, server, event);
}

void Explorer::expand_server(const State& state, int server) {
  const auto mask = static_cast<std::uint8_t>(1U << static_cast<unsigned>(server));
  auto next = state;
  if (!is_up(state, server)) {
    next.up |= mask;
    return apply(next, server, boot_);
  }
  if (state.crashes > 0) {
    --next.crashes;
    apply(next, server, roles_[state.role[server]].session.serving ? restart_ : boot_);
    next.up &= static_cast<std::uint8_t>(~mask);
    next.role[server] = crashed(state.role[server]);
    reach(next, server, 0);
  }
  apply(state, server, repeat_);
  apply(state, server, take_back_);
  apply(state, server, give_up_);
  if (state.commands > 0) expand_commands(state, server);
}

void Explorer::expand_commands(const State& state, int server) {
  const auto& role = roles_[state.role[server]];
  if (role.kept.epoch >= bounds_.highest_epoch) return;
  auto next = state;
  --next.commands;
  if (role.session.serving) {
    for (const auto grant : grants_[server])
      apply(next, server, grant);
  } else {
    for (const auto failover : failovers_[state.up]) // all that are not up are named as off, truly
      apply(next, server, failover);
  }
}

void Explorer::expand_message(const State& state, std::size_t place) {
  const auto number = state.message[place];
  auto lost = state;
  lost.message[place] = 0;
  std::ranges::sort(lost.message);
  reach(lost, 0, 0);
  for (int server = 0; server < bounds_.servers; ++server) {
    if (names[server] != messages_[number].to || !is_up(state, server)) continue;
    const auto event = delivery_[number].front();
    apply(state, server, event); // and it comes once more later
    apply(lost, server, event);
  }
}

bool Explorer::two_serve(const State& state) const {
  int serving = 0;
  for (int server = 0; server < bounds_.servers; ++server)
    serving += is_up(state, server) && roles_[state.role[server]].session.serving ? 1 : 0;
  return serving > 1;
}

std::vector<std::string> Explorer::path_to(std::uint32_t index) const {
  std::vector<std::string> path;
  for (; index != 0; index = steps_[index].from) {
    const auto& step = steps_[index];
    const auto& event = events_[step.event];
    std::string line = step.event == 0 ? "a crash or a lost message"
                                       : fmt::format("{}: event {} from {} epoch {} subject {}", names[step.server],
                                                     static_cast<int>(event.kind), event.message.from,
                                                     event.message.epoch, event.message.subject);
    path.insert(path.begin(), std::move(line));
  }
  return path;
}

Findings Explorer::run() {
  reach(first_state(), 0, 0);
  for (current_ = 0; current_ < states_.size(); ++current_) {
    const auto state = states_[current_];
    if (two_serve(state)) {
      findings_.violation = path_to(current_);
      break;
    }
    if (states_.size() > bounds_.states) break;
    for (int server = 0; server < bounds_.servers; ++server)
      expand_server(state, server);
    for (std::size_t place = 0; place < max_messages; ++place)
      if (state.message[place] != 0) expand_message(state, place);
  }
  findings_.states = states_.size();
  findings_.complete = current_ == states_.size();
  return findings_;
}

} // namespace tandem::role::testing
