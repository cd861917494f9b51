#include "base/text.hpp"
#include "journal/state_file.hpp"
#include "role/failover.hpp"
#include "role/state.hpp"
#include "role/switchover.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

namespace tandem::role {
namespace {

Opening example() {
  return {.runbook = "switchover",
          .id = "5-uno-1",
          .from = "uno",
          .to = "duo",
          .leader = "uno",
          .epoch = 5,
          .reason = "maintenance",
          .parameters = {{"old_address", "10.0.0.1"},
                         {"new_address", "10.0.0.2"},
                         {"database", "postgresql@15-main"},
                         {"data", "/var/lib/postgresql/15/main"},
                         {"programs", "/usr/lib/postgresql/15/bin"},
                         {"applications", "tandem-site@shop.example"},
                         {"show", "ln -sfn 1.sock /run/tandem-sites/shop.example/current.sock"},
                         {"folders", "/www"},
                         {"excludes", "--exclude='*.pyc'"},
                         {"health", "curl -fsSo /dev/null --resolve shop.example:443:127.0.0.1 https://shop.example/"},
                         {"on_promote", "# no site has any"},
                         {"dns", "# nobody has said who changes names"},
                         {"start_work", "# no site has jobs"},
                         {"drain", "10"},
                         {"hold", "20"}}};
}

std::vector<std::string_view> texts_of(const Step& step) {
  std::vector<std::string_view> texts = {step.title, step.what, step.precondition, step.check, step.undo};
  texts.insert(texts.end(), step.commands.begin(), step.commands.end());
  texts.insert(texts.end(), step.undo_commands.begin(), step.undo_commands.end());
  return texts;
}

// A failover's, by the new primary itself.
Opening of_failover() {
  auto opening = example();
  opening.runbook = "failover";
  opening.leader = "duo";
  return opening;
}

std::set<std::string> used_by(const Runbook& runbook) {
  std::set<std::string> used;
  for (const auto& step : runbook.steps) {
    for (const auto text : texts_of(step)) {
      const std::string copy(text);
      const std::regex name("\\{([a-z_]+)\\}");
      for (std::sregex_iterator it(copy.begin(), copy.end(), name), end; it != end; ++it)
        used.insert((*it)[1]);
    }
  }
  for (const auto* own : {"old", "new", "epoch", "last_epoch"})
    used.erase(own);
  return used;
}

TEST(Runbooks, UseTheParametersThatAreNamedAndTheSwitchoverEachOfThem) {
  std::set<std::string> named;
  for (const auto name : switchover_parameters())
    named.emplace(name);
  auto used = used_by(switchover());
  used.insert("drain");
  EXPECT_EQ(used, named);
  for (const auto& name : used_by(failover()))
    EXPECT_TRUE(named.contains(name)) << name;
}

class EachRunbook : public ::testing::TestWithParam<Opening> {};

INSTANTIATE_TEST_SUITE_P(Runbook, EachRunbook, ::testing::Values(example(), of_failover()),
                         [](const auto& opening) { return opening.param.runbook; });

TEST_P(EachRunbook, HasOneGrantAndEverythingInItsOrderAroundIt) {
  const auto& steps = find_runbook(GetParam().runbook)->steps;
  const auto grant = std::ranges::find(steps, Side::grant, &Step::side) - steps.begin();
  std::set<std::string_view> ids;
  for (std::ptrdiff_t i = 0; i < std::ssize(steps); ++i) {
    const auto& step = steps[static_cast<std::size_t>(i)];
    EXPECT_TRUE(ids.insert(step.id).second) << step.id;
    EXPECT_EQ(step.side, i < grant ? Side::before : i == grant ? Side::grant : Side::after) << step.id;
    EXPECT_FALSE(step.title.empty() || step.what.empty() || step.commands.empty()) << step.id;
    EXPECT_TRUE(step.limit.count() > 0 || !step.limit_parameter.empty()) << step.id << " has no limit";
    EXPECT_TRUE(step.side != Side::after || step.undo.empty()) << step.id << " cannot be undone any more";
    EXPECT_EQ(step.undo.empty() || step.id == "preflight", step.undo_commands.empty()) << step.id;
  }
}

TEST_P(EachRunbook, IsShownByDryRunAndAsCommandsToType) {
  const auto& runbook = *find_runbook(GetParam().runbook);
  for (const auto& [name, text] :
       {std::pair{"dry-run", dry_run(runbook, GetParam())}, std::pair{"typed", typed(runbook, GetParam())}}) {
    const auto path = fmt::format("{}/tests/unit/role/golden/{}.{}", TANDEM_SOURCE_DIR, runbook.name, name);
    if (std::getenv("TANDEM_ACCEPT") != nullptr) std::ofstream(path) << text;
    std::stringstream golden;
    golden << std::ifstream(path).rdbuf();
    EXPECT_EQ(golden.str(), text) << "run this test with TANDEM_ACCEPT=1 to accept it";
    EXPECT_EQ(text.find('{'), std::string::npos) << text;
  }
}

// The line that a person types when tandem itself is broken must leave a state that tandem understands.
TEST(Switchover, TypedGrantLeavesARoleFileThatIsRead) {
  const auto path = ::testing::TempDir() + "role.json";
  auto kept = first_kept(4, "uno", {4, "uno", "tandem init", "", ""});
  std::ofstream(path) << journal::wrap("role", kept_version, encode(kept));
  const auto* grant = switchover().step("grant");
  const auto command = replace_all(filled(grant->commands.back(), example()), "/var/lib/tandem/role.json", path);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const auto versioned = journal::unwrap("role", kept_version, text.str());
  ASSERT_TRUE(versioned);
  const auto changed = decode_kept(versioned->version, versioned->content);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->epoch, 5U);
  EXPECT_EQ(changed->primary, "duo");
  EXPECT_EQ(changed->history, kept.history);
}

// Both servers would carry it on, each by its own memory of the grant.
TEST(StandingOfARun, AnEpochThatTwoServersClaimIsNobodys) {
  const auto opening = example(); // epoch 5, from uno to duo
  Kept kept{.epoch = 5, .primary = "duo"};
  EXPECT_TRUE(standing_of(kept, opening).granted);
  EXPECT_FALSE(standing_of(kept, opening).overtaken);
  kept.conflict = "uno";
  EXPECT_FALSE(standing_of(kept, opening).granted);
  EXPECT_TRUE(standing_of(kept, opening).overtaken);
  Kept disputed{.epoch = 4, .primary = "uno", .conflict = "duo"}; // simulated life 60173595
  EXPECT_TRUE(standing_of(disputed, opening).overtaken) << "uno serves no more, so that it has nothing to hand over";
  EXPECT_FALSE(standing_of(disputed, of_failover()).overtaken) << "it is the way out";
  const Kept another{.epoch = 5, .primary = "tre"};
  EXPECT_TRUE(standing_of(another, opening).overtaken);
  const Kept before{.epoch = 4, .primary = "uno"};
  EXPECT_FALSE(standing_of(before, opening).granted);
  EXPECT_FALSE(standing_of(before, opening).overtaken);
}

} // namespace
} // namespace tandem::role
