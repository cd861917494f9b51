// The failover and the return of the old primary, killed at each of their steps.
#include "base/text.hpp"
#include "pair_fixture.hpp"
#include "replication/database/first_copy.hpp"
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
  const auto point = cell.step + " " + cell.moment;
  halt_at(lab(), to, point);
  auto command = std::async(std::launch::async, [&] { return pair().try_tandem(to, {"failover", "--alone", from}); });
  ASSERT_TRUE(stands_at(lab(), to, point)) << "it never came to " << point;
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

// Where the old primary is killed while it goes back to the new one's state.
struct RejoinCell {
  std::string point;
  bool copy = false; // it copies the database anew, as after a rewind that was cut off
  bool power = false;
};

std::vector<RejoinCell> rejoin_cells() {
  std::vector<RejoinCell> all;
  for (const bool power : {false, true}) {
    for (const auto& point : replication::rewind_points)
      all.push_back({std::string(point), false, power});
    for (const auto& point : replication::copy_points)
      all.push_back({std::string(point), true, power});
  }
  return all;
}

class RejoinKilled : public FailoverPair, public ::testing::WithParamInterface<RejoinCell> {
protected:
  static constexpr auto* drop_in = "/etc/systemd/system/tandem.service.d/rehearsal.conf";
  static constexpr auto* cluster = "/var/lib/postgresql/15/main";

  // From its next start on, the server's agent stands still there.
  static void prepare(const std::string& server) {
    const auto& cell = GetParam();
    const std::string rewinding = cell.copy ? fmt::format("; touch {}.tandem-rewinding", cluster) : "";
    ASSERT_OK(lab().write_file(server, drop_in,
                               fmt::format("[Service]\nExecStartPre=/bin/sh -c 'echo rejoin {} > /run/tandem/halt{}'\n",
                                           cell.point, rewinding)));
    on(lab(), server, "sync");
  }

  static void kill(const std::string& server) {
    on(lab(), server, fmt::format("rm {}; systemctl daemon-reload; sync", drop_in));
    if (GetParam().power) {
      ASSERT_OK(lab().cut(server));
      ASSERT_OK(lab().boot(server));
    } else {
      on(lab(), server, "systemctl kill -s KILL --kill-who=main tandem; rm -f /run/tandem/halt");
    }
  }
};

} // namespace

TEST_P(RejoinKilled, EndsAsAStandbyAndTellsAllThatItKept) {
  const auto& cell = GetParam();
  const auto from = primary();
  const auto to = other(from);
  const auto row = write_everywhere(from);
  ASSERT_OK(lab().partition(from, to));
  sql(lab(), from, "create table only_here(number int)"); // its WAL parts from the other's
  prepare(from);
  ASSERT_OK(lab().cut(from));
  ASSERT_OK(lab().heal());
  ASSERT_OK(pair().tandem(to, {"failover", "--alone", from}));
  ASSERT_OK(lab().boot(from));
  const auto stands = fmt::format("journalctl -b -u tandem -o cat | grep -q 'stands still before \"{}\"'", cell.point);
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), from, stands); }, std::chrono::minutes(3)))
      << "it never came to " << cell.point << ":\n"
      << on(lab(), from,
            "journalctl -b -u tandem -o cat | tail -40; journalctl -b -u postgresql@15-main -o cat | tail -40; "
            "ls -la /var/lib/postgresql/15");
  kill(from);
  EXPECT_EQ(wait_until_whole(), to);
  EXPECT_EQ(count(from, row), "1");
  EXPECT_EQ(on(lab(), from, fmt::format("ls -d {}.tandem-* 2>/dev/null || true", cluster)), "") << "it is not done";
  // Killed before its WAL was kept apart, the whole old data directory is kept.
  const std::string kept =
      on(lab(), from, fmt::format("ls -d {0}.diverged-* {0}.before-* 2>/dev/null || true", cluster));
  ASSERT_NE(kept, "") << "its own WAL is kept nowhere";
  const auto told = on(lab(), from, "tandem events");
  for (const auto& path : split(kept, '\n'))
    EXPECT_NE(told.find(path), std::string::npos) << path << " is kept, and not told";
  prove(to);
  acknowledge_all(from);
  EXPECT_EQ(on(lab(), from, fmt::format("ls -d {0}.diverged-* {0}.before-* 2>/dev/null || true", cluster)), "");
}

INSTANTIATE_TEST_SUITE_P(Failover, RejoinKilled, ::testing::ValuesIn(rejoin_cells()),
                         [](const auto& info) { return info.param.point + (info.param.power ? "_power" : "_agent"); });

} // namespace tandem::lab
