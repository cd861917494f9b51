// The protocol's table: exactly one row for every event in every state, and sentences that can be filled in.
#include "role/rules.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tandem::role {
namespace {

constexpr std::array<EventKind, 14> kinds = {
    EventKind::boot,      EventKind::hello,       EventKind::answer,  EventKind::grant,   EventKind::ask_refusal,
    EventKind::refusal,   EventKind::ask_promise, EventKind::promise, EventKind::repeat,  EventKind::grant_decided,
    EventKind::take_back, EventKind::prepare,     EventKind::give_up, EventKind::failover};

// How many values each thing has that a row's condition can look at: situation, relation, claim, cover, and the flags.
constexpr std::size_t flags = 14;
constexpr std::size_t things = 4 + flags;
using Values = std::array<unsigned, things>;

unsigned values_of(std::size_t thing) {
  constexpr std::array<unsigned, 4> several = {5, 5, 4, 3};
  return thing < several.size() ? several[thing] : 2;
}

Facts facts_with(const Values& values) {
  Facts facts;
  facts.situation = static_cast<Situation>(values[0]);
  facts.relation = static_cast<Relation>(values[1]);
  facts.claim = static_cast<Claim>(values[2]);
  facts.cover = static_cast<Cover>(values[3]);
  const std::array<bool*, flags> all = {
      &facts.in_session,   &facts.settles,    &facts.vouched,       &facts.entitled,  &facts.from_target,
      &facts.of_our_grant, &facts.alone,      &facts.still_serving, &facts.reachable, &facts.candidate,
      &facts.of_another,   &facts.of_promise, &facts.insists,       &facts.barred};
  for (std::size_t i = 0; i < flags; ++i)
    *all[i] = values[4 + i] == 1;
  return facts;
}

std::vector<const Row*> rows_on(EventKind kind) {
  std::vector<const Row*> rows;
  for (const auto& row : rules())
    if (row.on == kind) rows.push_back(&row);
  return rows;
}

std::vector<bool> matching(const std::vector<const Row*>& rows, const Values& values) {
  const auto facts = facts_with(values);
  std::vector<bool> found;
  for (const auto* row : rows)
    found.push_back(matches(*row, row->on, facts));
  return found;
}

// Those that the rows look at, found by changing each at many points; a condition looks at a few together, so that a
// change which matters is met hundreds of times.
std::vector<std::size_t> looked_at(const std::vector<const Row*>& rows) {
  constexpr int points = 10'000;
  std::set<std::size_t> found;
  std::uint32_t random = 1;
  const auto below = [&](unsigned count) {
    random = random * 1664525U + 1013904223U;
    return (random >> 16U) % count;
  };
  for (int point = 0; point < points; ++point) {
    Values values{};
    for (std::size_t thing = 0; thing < things; ++thing)
      values[thing] = below(values_of(thing));
    const auto before = matching(rows, values);
    const auto thing = below(things);
    values[thing] = (values[thing] + 1) % values_of(thing);
    if (matching(rows, values) != before) found.insert(thing);
  }
  return {found.begin(), found.end()};
}

// Calls `use` with every combination of what these rows look at.
void for_all(const std::vector<const Row*>& rows, const std::function<void(const Values&)>& use) {
  const auto seen = looked_at(rows);
  Values values{};
  for (;;) {
    use(values);
    std::size_t at = 0;
    for (; at < seen.size() && ++values[seen[at]] == values_of(seen[at]); ++at)
      values[seen[at]] = 0;
    if (at == seen.size()) return;
  }
}

TEST(Rules, HaveExactlyOneRowForEveryEventInEveryState) {
  for (const auto kind : kinds) {
    const auto rows = rows_on(kind);
    std::set<std::string> wrong;
    for_all(rows, [&](const Values& values) {
      const auto found = matching(rows, values);
      if (std::ranges::count(found, true) == 1) return;
      std::string text = std::string(name_of(facts_with(values).situation)) + ":";
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (found[i]) text += " " + std::string(rows[i]->id);
      wrong.insert(text);
    });
    EXPECT_TRUE(wrong.empty()) << "event " << static_cast<int>(kind) << " has no row, or several: " << *wrong.begin();
  }
}

TEST(Rules, CanEachBeMatched) {
  for (const auto kind : kinds) {
    const auto rows = rows_on(kind);
    std::set<std::string_view> matched;
    for_all(rows, [&](const Values& values) {
      const auto found = matching(rows, values);
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (found[i]) matched.insert(rows[i]->id);
    });
    for (const auto* row : rows)
      EXPECT_TRUE(matched.contains(row->id)) << row->id;
  }
}

TEST(Rules, HaveIdsThatAreUniqueAndBeginWithTheirEvent) {
  std::set<std::string_view> ids;
  for (const auto& row : rules()) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_NE(row.id.find('.'), std::string_view::npos) << row.id;
  }
}

TEST(Rules, HaveSentencesWhoseNamesAreAllKnown) {
  for (const auto& row : rules()) {
    const auto sentence = fmt::format(fmt::runtime(row.sentence), fmt::arg("self", "uno"), fmt::arg("peer", "duo"),
                                      fmt::arg("subject", 3), fmt::arg("epoch", 2), fmt::arg("primary", "uno"),
                                      fmt::arg("server", "duo"), fmt::arg("missing", "tre"));
    EXPECT_EQ(sentence.find('{'), std::string::npos) << sentence;
    EXPECT_FALSE(sentence.ends_with('.')) << sentence;
  }
}

} // namespace
} // namespace tandem::role
