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

// All values of all that a row's condition can look at: 5 * 5 * 4 * 3 * 2^14.
Facts facts_number(unsigned number) {
  const auto take = [&](unsigned count) {
    const auto value = number % count;
    number /= count;
    return value;
  };
  Facts facts;
  facts.situation = static_cast<Situation>(take(5));
  facts.relation = static_cast<Relation>(take(5));
  facts.claim = static_cast<Claim>(take(4));
  facts.cover = static_cast<Cover>(take(3));
  for (auto* flag : {&facts.in_session, &facts.settles, &facts.vouched, &facts.entitled, &facts.from_target,
                     &facts.of_our_grant, &facts.alone, &facts.still_serving, &facts.reachable, &facts.candidate,
                     &facts.of_another, &facts.of_promise, &facts.insists, &facts.barred})
    *flag = take(2) == 1;
  return facts;
}

constexpr unsigned all_facts = 5 * 5 * 4 * 3 * 16384;

TEST(Rules, HaveExactlyOneRowForEveryEventInEveryState) {
  for (const auto kind : kinds) {
    std::vector<const Row*> rows;
    for (const auto& row : rules())
      if (row.on == kind) rows.push_back(&row);
    for (unsigned number = 0; number < all_facts; ++number) {
      const auto facts = facts_number(number);
      int count = 0;
      for (const auto* row : rows)
        count += matches(*row, kind, facts) ? 1 : 0;
      ASSERT_EQ(count, 1) << "event " << static_cast<int>(kind) << " in " << name_of(facts.situation) << ", facts "
                          << number;
    }
  }
}

TEST(Rules, CanEachBeMatched) {
  std::set<std::string_view> matched;
  for (const auto& row : rules()) {
    for (unsigned number = 0; number < all_facts && !matched.contains(row.id); ++number)
      if (matches(row, row.on, facts_number(number))) matched.insert(row.id);
    EXPECT_TRUE(matched.contains(row.id)) << row.id;
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
