#include "role/decide.hpp"

#include <array>
#include <cstdlib>

namespace tandem::role {

namespace {

template <class... Values>
constexpr std::uint8_t set_of(Values... values) {
  return static_cast<std::uint8_t>(((1U << static_cast<unsigned>(values)) | ... | 0U));
}

using enum Verdict;
using R = RunbookNow;
using N = ServerNow;

constexpr auto writing = set_of(N::primary, N::opening);
constexpr auto resting = set_of(N::stopped, N::standby, N::adrift);
constexpr auto unready = set_of(N::stopped, N::adrift);
constexpr auto any_server = set_of(N::stopped, N::primary, N::opening, N::standby, N::adrift);
constexpr auto no_runbook = set_of(R::none);
constexpr auto here = set_of(R::back_here, R::forward_here);
constexpr auto elsewhere = set_of(R::back_elsewhere, R::forward_elsewhere);
constexpr auto not_here = static_cast<std::uint8_t>(no_runbook | elsewhere);
constexpr auto not_overtaken = static_cast<std::uint8_t>(no_runbook | set_of(R::active) | here | elsewhere);

const std::vector<DecisionRow>& table() {
  // clang-format off
  static const std::vector<DecisionRow> rows = {
    {"serve", set_of(serve), no_runbook, set_of(N::primary), "This server is the primary and serves", {}},
    {"serve.start", set_of(serve), no_runbook, set_of(N::stopped, N::opening, N::standby, N::adrift),
     "This server is the primary, but does not serve yet: it starts to", {Task::become_primary}},
    {"serve.active", set_of(serve), set_of(R::active), any_server, "A runbook is at work", {}},
    {"serve.back", set_of(serve), set_of(R::back_here), any_server,
     "A runbook was interrupted before its grant: it is undone, and this server serves on", {Task::undo_runbook}},
    {"serve.forward", set_of(serve), set_of(R::forward_here), any_server,
     "A runbook was granted to this server: it is finished", {Task::finish_runbook}},
    {"serve.stale", set_of(serve), elsewhere, any_server,
     "This server is the primary, so that an older runbook of another has no meaning any more", {Task::close_runbook}},

    {"follow", set_of(follow), set_of(R::none, R::back_elsewhere), set_of(N::standby), "This server is a standby", {}},
    {"follow.handed", set_of(follow), set_of(R::forward_elsewhere), set_of(N::standby),
     "This server is a standby; what is left of the runbook is the new primary's", {Task::close_runbook}},
    {"follow.start", set_of(follow), not_here, unready,
     "This server is a standby, but does not follow yet: it starts to", {Task::become_standby}},
    {"follow.stop", set_of(follow), not_here, writing,
     "Another server is the primary, and PostgreSQL writes here: it is stopped and rejoins",
     {Task::stop_writing, Task::become_standby}},
    {"follow.active", set_of(follow), set_of(R::active), resting, "A runbook is at work", {}},
    {"follow.active.stop", set_of(follow), set_of(R::active), writing,
     "Another server is the primary, and PostgreSQL writes here: it is stopped", {Task::stop_writing}},
    {"follow.stale", set_of(follow), here, any_server,
     "Another server is the primary, so that a runbook of this one has no meaning any more",
     {Task::stop_writing, Task::close_runbook}},

    {"wait", set_of(wait), not_overtaken, resting,
     "Nobody has told yet whether this server may serve: it asks the others and waits for them or for the operator",
     {Task::ask_others}},
    {"wait.stop", set_of(wait), not_overtaken, writing,
     "Nobody has told yet whether this server may serve, and PostgreSQL writes here: it is stopped",
     {Task::stop_writing, Task::ask_others}},

    {"grant", set_of(grant), not_overtaken, resting,
     "This server gave the primary's place away: it repeats the grant until it is answered", {Task::repeat_grant}},
    {"grant.stop", set_of(grant), not_overtaken, writing,
     "This server gave the primary's place away, and PostgreSQL writes here: it is stopped",
     {Task::stop_writing, Task::repeat_grant}},

    {"choose", set_of(choose), not_overtaken, resting,
     "Two servers claim the same epoch, and neither writes: run \"tandem failover\" on the one to keep",
     {Task::ask_operator}},
    {"choose.stop", set_of(choose), not_overtaken, writing,
     "Two servers claim the same epoch, and PostgreSQL writes here: it is stopped",
     {Task::stop_writing, Task::ask_operator}},

    {"overtaken", set_of(serve, follow, wait, grant, choose), set_of(R::overtaken), resting,
     "The primary has changed since a runbook began: it is closed", {Task::close_runbook}},
    {"overtaken.serve", set_of(serve), set_of(R::overtaken), writing,
     "The primary has changed since a runbook began: it is closed", {Task::close_runbook}},
    {"overtaken.stop", set_of(follow, wait, grant, choose), set_of(R::overtaken), writing,
     "The primary has changed since a runbook began, and PostgreSQL writes here: it is stopped",
     {Task::stop_writing, Task::close_runbook}},
  };
  // clang-format on
  return rows;
}

} // namespace

Verdict OperatorAuthority::verdict(const Members& members, const Role& role) const {
  switch (situation_of(members, role)) {
  case Situation::serving:
    return serve;
  case Situation::standby:
    return follow;
  case Situation::granting:
    return grant;
  case Situation::conflict:
    return choose;
  case Situation::waiting:
    break;
  }
  return wait;
}

std::span<const DecisionRow> decisions() {
  return table();
}

bool matches(const DecisionRow& row, const View& view) {
  return (row.verdicts & set_of(view.verdict)) != 0 && (row.runbooks & set_of(view.runbook)) != 0 &&
         (row.servers & set_of(view.server)) != 0;
}

const DecisionRow& decide(const View& view) {
  for (const auto& row : table())
    if (matches(row, view)) return row;
  std::abort(); // the table is total: decide_test.cpp proves it
}

std::string_view name_of(Verdict verdict) {
  constexpr std::array<std::string_view, 5> names = {"serve", "follow", "wait", "grant", "choose"};
  return names[static_cast<std::size_t>(verdict)];
}

std::string_view name_of(RunbookNow runbook) {
  constexpr std::array<std::string_view, 7> names = {
      "none", "active", "back, here", "forward, here", "back, elsewhere", "forward, elsewhere", "overtaken"};
  return names[static_cast<std::size_t>(runbook)];
}

std::string_view name_of(ServerNow server) {
  constexpr std::array<std::string_view, 5> names = {"stopped", "primary", "opening", "standby", "adrift"};
  return names[static_cast<std::size_t>(server)];
}

std::string_view name_of(Task task) {
  constexpr std::array<std::string_view, 9> names = {"stop writing",       "close the runbook", "undo the runbook",
                                                     "finish the runbook", "become primary",    "become standby",
                                                     "repeat the grant",   "ask the others",    "ask the operator"};
  return names[static_cast<std::size_t>(task)];
}

} // namespace tandem::role
