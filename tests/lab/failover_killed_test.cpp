// The failover and the return of the old primary, killed at each of their steps.
#include "base/text.hpp"
#include "pair_fixture.hpp"
#include "role/failover.hpp"

#include <future>

namespace tandem::lab {

namespace {

struct FailoverCell {
  std::string step;
  std::string moment; // "before", "after"
  bool power = false; // the whole server that takes over; else its agent by SIGKILL
};

// From the failover's own runbook, so that a step that is added is killed as well. The old primary is off meanwhile.
std::vector<FailoverCell> failover_cells() {
  std::vector<FailoverCell> all;
  for (const auto& step : role::failover().steps)
    for (const auto* moment : {"before", "after"})
      for (const bool power : {false, true})
        all.push_back({std::string(step.id), moment, power});
  return all;
}

std::string text_of(const FailoverCell& cell) {
  return replace_all(cell.step + "_" + cell.moment + "_" + (cell.power ? "power" : "agent"), "-", "_");
}

class FailoverPair : public PairTest {
protected:
  // A row that is on both servers.
  static int write_everywhere(const std::string& serving) {
    static int last = 0;
    const auto number = std::to_string(++last);
    sql(lab(), serving, "create table if not exists kept(number int); insert into kept values (" + number + ")");
    EXPECT_TRUE(wait_until([&] { return count(other(serving), last) == "1"; }, soon));
    return last;
  }

  static std::string count(const std::string& host, int number) {
    return sql(lab(), host, "select count(*) from kept where number = " + std::to_string(number));
  }
};

class FailoverKilled : public FailoverPair, public ::testing::WithParamInterface<FailoverCell> {};

} // namespace

TEST_P(FailoverKilled, EndsWithOnePrimaryThatServesAndAStandbyThatFollows) {
  const auto& cell = GetParam();
  const auto from = primary();
  const auto to = other(from);
  ASSERT_TRUE(pair().fetch(from, "/"));
  const auto row = write_everywhere(from);
  ASSERT_OK(lab().cut(from));
  on(lab(), to, "echo " + cell.step + " " + cell.moment + " > /run/tandem/halt");
  auto command = std::async(std::launch::async, [&] { return pair().try_tandem(to, {"failover", "--alone", from}); });
  const auto record =
      "grep -hq '\"kind\":\"before\",\"step\":\"" + cell.step + "\"' $(ls -t /var/lib/tandem/runs/* | head -1)";
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), to, record); }, soon)) << "it never came to " << cell.step;
  if (cell.power) {
    ASSERT_OK(lab().cut(to));
    ASSERT_OK(lab().boot(to));
  } else {
    on(lab(), to, "systemctl kill -s KILL --kill-who=main tandem; rm -f /run/tandem/halt");
  }
  static_cast<void>(command.get()); // it may have lost its agent
  ASSERT_OK(lab().boot(from));
  const auto serving = wait_until_whole();
  ASSERT_NE(serving, "");
  EXPECT_EQ(count(serving, row), "1") << "a row that both had is lost";
  prove(serving);
}

INSTANTIATE_TEST_SUITE_P(Failover, FailoverKilled, ::testing::ValuesIn(failover_cells()),
                         [](const auto& info) { return text_of(info.param); });

namespace {

// What the old primary is killed by while it goes back to the new one's state.
class RejoinKilled : public FailoverPair, public ::testing::WithParamInterface<bool> {};

} // namespace

TEST_P(RejoinKilled, IsDoneAnotherWayAndLosesNothing) {
  const bool power = GetParam();
  const auto from = primary();
  const auto to = other(from);
  const auto row = write_everywhere(from);
  ASSERT_OK(lab().partition(from, to));
  sql(lab(), from, "create table only_here(number int)"); // its WAL parts from the other's
  ASSERT_OK(lab().cut(from));
  ASSERT_OK(lab().heal());
  ASSERT_OK(pair().tandem(to, {"failover", "--alone", from}));
  ASSERT_OK(lab().boot(from));
  const auto rewinding = "/var/lib/postgresql/15/main.tandem-rewinding";
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), from, std::string("test -e ") + rewinding); }, soon));
  if (power) {
    ASSERT_OK(lab().cut(from));
    ASSERT_OK(lab().boot(from));
  } else {
    on(lab(), from, "systemctl kill -s KILL --kill-who=main tandem");
  }
  EXPECT_EQ(wait_until_whole(), to);
  EXPECT_EQ(count(from, row), "1");
  EXPECT_FALSE(holds_on(lab(), from, std::string("test -e ") + rewinding));
  // Killed before its WAL was kept apart, the whole old data directory is kept.
  EXPECT_TRUE(holds_on(lab(), from, "ls -d /var/lib/postgresql/15/main.diverged-*/0*") ||
              holds_on(lab(), from, "ls -d /var/lib/postgresql/15/main.before-*/pg_wal/0*"))
      << "its own WAL is not kept";
  prove(to);
}

INSTANTIATE_TEST_SUITE_P(Failover, RejoinKilled, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "by_a_power_cut" : "of_its_agent"; });

} // namespace tandem::lab
