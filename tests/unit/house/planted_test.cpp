// The faults of tests/planted: each row of docs/coverage.md has one, and each stands in its row.
#include "base/text.hpp"
#include "planted/faults.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace tandem::planted {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

namespace {

// The rows of the table: their first cell, and that of their proofs.
std::map<std::string, std::string> rows_of_coverage() {
  std::ostringstream text;
  text << std::ifstream(std::string(TANDEM_SOURCE_DIR) + "/docs/coverage.md").rdbuf();
  std::map<std::string, std::string> rows;
  for (const auto& line : lines_of(text.str())) {
    const auto cells = split(line, '|');
    if (cells.size() != 5 || trim(cells[1]) == "row" || trim(cells[1]) == "---") continue;
    rows[std::string(trim(cells[1]))] = trim(cells[3]);
  }
  return rows;
}

// "Switchover/Killed.EndsWithOnePrimary/grant_before" is Killed.EndsWithOnePrimary in documents.
std::string as_documents_name(const std::string& test) {
  const auto parts = split(test, '/');
  return parts.size() == 1 ? test : parts[1];
}

const Fault example{.name = "example", .test = "Suite.Name", .hosts = {"duo"}, .seen = {"the shop", "duo"}};

} // namespace

TEST(Planted, EachRowOfCoverageHasAFaultThatItsTestMustSee) {
  std::set<std::string> with_fault;
  for (const auto& fault : faults())
    with_fault.insert(fault.row);
  const auto rows = rows_of_coverage();
  EXPECT_GT(rows.size(), 25U);
  for (const auto& [row, proof] : rows)
    EXPECT_TRUE(with_fault.contains(row)) << "docs/coverage.md: nothing shows that the proof of \"" << row
                                          << "\" proves it: plant a fault in tests/planted";
}

TEST(Planted, EachFaultIsOneOfARowAndItsTestOneThatTheRowNames) {
  const auto rows = rows_of_coverage();
  std::set<std::string> names;
  for (const auto& fault : faults()) {
    EXPECT_TRUE(names.insert(fault.name).second) << "twice " << fault.name;
    ASSERT_TRUE(rows.contains(fault.row)) << fault.name << ": docs/coverage.md has no row \"" << fault.row << "\"";
    EXPECT_THAT(rows.at(fault.row), HasSubstr("`" + as_documents_name(fault.test) + "`")) << fault.name;
    EXPECT_FALSE(fault.seen.empty()) << fault.name << ": any failure would do";
    EXPECT_FALSE(fault.once.empty() && fault.always.empty()) << fault.name << " does nothing";
    EXPECT_FALSE(fault.hosts.empty()) << fault.name << " is planted nowhere";
    EXPECT_TRUE(fault.key.empty() || fault.test.starts_with("Keys.")) << fault.name;
  }
}

TEST(Planted, OnlyTheFailureThatTheFaultAsksForIsRedAsItMustBe) {
  EXPECT_THAT(objection(example, {.tests = 1, .failures = {"no lab", "on duo\nthe shop is gone"}}), IsEmpty());
  EXPECT_THAT(objection(example, {.tests = 1}), StartsWith("GREEN"));
  EXPECT_THAT(objection(example, {.tests = 1, .failures = {"on duo", "the shop on uno"}}),
              HasSubstr("something else:\non duo"));
  EXPECT_THAT(objection(example, {.tests = 1, .skipped = true}), HasSubstr("skipped"));
  EXPECT_THAT(objection(example, {}), HasSubstr("0 tests are called Suite.Name"));
  EXPECT_THAT(objection(example, {.tests = 2, .failures = {"the shop on duo"}}), HasSubstr("2 tests"));
}

} // namespace tandem::planted
