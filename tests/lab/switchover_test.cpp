// The switchover on a real pair: with visitors, refused, aborted, and killed at its steps.
#include "base/text.hpp"
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"
#include "role/switchover.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

std::unique_ptr<Visitors> come(Lab& lab, const VisitorOptions& options) {
  auto visitors = Visitors::come(lab, options);
  if (!visitors) ADD_FAILURE() << describe(visitors.error());
  return visitors ? std::move(*visitors) : nullptr;
}

Json parsed(const Result<std::string>& text) {
  if (!text) ADD_FAILURE() << describe(text.error());
  return text ? Json::parse(*text, nullptr, false) : Json();
}

// A change of primary must not look like drift, on neither server.
void expect_nothing_to_do(ShopPair& pair) {
  const auto plan = parsed(pair.tandem("uno", {"plan", "--json"}));
  EXPECT_EQ(plan["changes"], 0) << plan.dump(2);
}

// A switchover's own command, while the test does something else. What an earlier test has left at work is waited for,
// as a person would.
std::future<Result<system::Outcome>> begin_switchover(ShopPair& pair, const std::string& host) {
  return std::async(std::launch::async, [&pair, host] {
    Result<system::Outcome> ran;
    const auto begun = [&] {
      ran = pair.try_tandem(host, {"switchover"});
      return !ran || ran->errors.find("is under way on") == std::string::npos;
    };
    static_cast<void>(wait_until(begun, soon));
    return ran;
  });
}

} // namespace

TEST_F(PairTest, SwitchoverThereAndBackNoVisitorNotices) {
  const auto first = primary();
  ASSERT_TRUE(pair().fetch(first, "/")); // brings the authority to tre
  const auto visitors = come(lab(), {.tool = TANDEM_LOAD, .rate = 60, .seconds = 60});
  ASSERT_TRUE(visitors);
  ASSERT_OK(pair().tandem("uno", {"switchover"}));
  EXPECT_EQ(wait_until_whole(), other(first));
  expect_nothing_to_do(pair());
  ASSERT_OK(pair().tandem("uno", {"switchover"}));
  EXPECT_EQ(wait_until_whole(), first);
  const auto summary = parsed(visitors->leave());
  EXPECT_EQ(summary["failed"], 0) << summary.dump(2);
  const auto compared = parsed(compare_with_shop(lab(), first, "visitors"));
  EXPECT_EQ(compared["lost"], 0) << compared.dump(2);
  EXPECT_EQ(compared["doubled"], 0) << compared.dump(2);
  prove(first);
  expect_nothing_to_do(pair());
}

TEST_F(PairTest, SwitchoverIsShownBeforeRefusedWhenUnsafeAndAborted) {
  const auto serving = primary();
  const auto dry = pair().tandem("duo", {"switchover", "--dry-run"});
  ASSERT_OK(dry);
  EXPECT_THAT(*dry, HasSubstr("Give epoch"));
  const auto typed = pair().tandem("uno", {"runbook", "switchover"});
  ASSERT_OK(typed);
  EXPECT_THAT(*typed, HasSubstr("pg_promote"));
  EXPECT_EQ(pair().try_tandem("uno", {"switchover", "tre"})->status, 2);
  EXPECT_EQ(pair().try_tandem("uno", {"switchover", serving})->status, 3);
  EXPECT_EQ(pair().try_tandem("uno", {"abort"})->status, 1);

  on(lab(), serving, "echo drain before > /run/tandem/halt");
  auto command = begin_switchover(pair(), "uno");
  ASSERT_TRUE(wait_until([&] { return !holds_on(lab(), serving, "test -f /run/tandem/serving"); }, soon));
  EXPECT_EQ(pair().try_tandem(serving, {"deploy", shop_domain})->status, 3) << "a deploy during a switchover";
  EXPECT_EQ(pair().try_tandem(serving, {"switchover"})->status, 3);
  auto aborting = std::async(std::launch::async, [&] { return pair().try_tandem(other(serving), {"abort"}); });
  const std::string turned_back = "grep -hq '\"kind\":\"turned back\"' $(ls -t /var/lib/tandem/runs/* | head -1)";
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), serving, turned_back); }, soon));
  on(lab(), serving, "rm /run/tandem/halt");
  EXPECT_EQ(aborting.get()->status, 0);
  const auto told = command.get();
  EXPECT_EQ(told->status, 1);
  EXPECT_THAT(told->errors, HasSubstr("the operator aborted it"));
  EXPECT_EQ(wait_until_whole(), serving);
  prove(serving);
}

TEST_F(PairTest, SwitchoverThatCannotBeFinishedIsUndone) {
  const auto serving = primary();
  ASSERT_TRUE(pair().fetch(serving, "/"));
  // The database of the standby stands still: what is written cannot be confirmed there.
  on(lab(), other(serving), "kill -STOP $(systemctl show -P MainPID 'postgresql@*-main.service')");
  const auto refused = pair().try_tandem("uno", {"switchover"});
  ASSERT_TRUE(refused);
  EXPECT_NE(refused->status, 0) << refused->output;
  on(lab(), other(serving), "kill -CONT $(systemctl show -P MainPID 'postgresql@*-main.service')");
  EXPECT_EQ(wait_until_whole(), serving);
  prove(serving);
}

// ---- killed at every step

namespace {

struct Cell {
  std::string step;
  std::string moment; // "before", "after"
  bool power = false; // the whole server; else its agent by SIGKILL
  bool coordinator = true;
};

std::string text_of(const Cell& cell) {
  return cell.step + "_" + cell.moment + "_" + (cell.power ? "power" : "agent") + "_of_" +
         (cell.coordinator ? "the_coordinator" : "the_other");
}

// From the switchover's own runbook, so that a step that is added is killed as well.
std::vector<Cell> cells() {
  std::vector<Cell> all;
  for (const auto& step : role::switchover().steps)
    for (const auto* moment : {"before", "after"})
      for (const bool power : {false, true})
        for (const bool coordinator : {true, false})
          all.push_back({std::string(step.id), moment, power, coordinator});
  return all;
}

class Killed : public PairTest, public ::testing::WithParamInterface<Cell> {};

} // namespace

TEST_P(Killed, EndsWithOnePrimaryThatServesAndAStandbyThatFollows) {
  const auto& cell = GetParam();
  const auto from = primary();
  const auto to = other(from);
  ASSERT_TRUE(pair().fetch(from, "/"));
  const auto* step = role::switchover().step(cell.step);
  const auto coordinator = step->side == role::Side::after ? to : from;
  const auto victim = cell.coordinator ? coordinator : other(coordinator);

  const auto visitors = come(lab(), {.tool = TANDEM_LOAD,
                                     .name = "cell-" + text_of(cell),
                                     .connect = victim == "uno" ? "10.77.0.12" : "10.77.0.11",
                                     .rate = 10,
                                     .seconds = 8});
  ASSERT_TRUE(visitors);
  const auto point = cell.step + " " + cell.moment;
  halt_at(lab(), coordinator, point);
  auto command = begin_switchover(pair(), from);
  ASSERT_TRUE(stands_at(lab(), coordinator, point)) << "it never came to " << point;
  if (cell.power) {
    ASSERT_OK(lab().cut(victim));
    if (victim != coordinator) on(lab(), coordinator, "rm -f /run/tandem/halt");
    ASSERT_OK(lab().boot(victim));
  } else {
    on(lab(), victim, "systemctl kill -s KILL --kill-who=main tandem");
    on(lab(), coordinator, "rm -f /run/tandem/halt");
  }
  static_cast<void>(command.get()); // the command that watched may have lost its agent
  const auto serving = wait_until_whole();
  ASSERT_NE(serving, "");
  prove(serving);
  static_cast<void>(visitors->leave());
  const auto compared = parsed(compare_with_shop(lab(), serving, "cell-*"));
  EXPECT_EQ(compared["lost"], 0) << compared.dump(2);
}

INSTANTIATE_TEST_SUITE_P(Switchover, Killed, ::testing::ValuesIn(cells()),
                         [](const auto& info) { return replace_all(text_of(info.param), "-", "_"); });

} // namespace tandem::lab
