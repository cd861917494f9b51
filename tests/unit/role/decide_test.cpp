#include "base/text.hpp"
#include "role/decide.hpp"
#include "role/document.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tandem::role {
namespace {

std::vector<View> all_views() {
  std::vector<View> views;
  for (int verdict = 0; verdict < 5; ++verdict)
    for (int runbook = 0; runbook < 7; ++runbook)
      for (int server = 0; server < 5; ++server)
        views.push_back(
            {static_cast<Verdict>(verdict), static_cast<RunbookNow>(runbook), static_cast<ServerNow>(server)});
  return views;
}

bool has(const DecisionRow& row, Task task) {
  return std::ranges::find(row.tasks, task) != row.tasks.end();
}

TEST(Decide, HasExactlyOneRowForEveryView) {
  std::set<std::string_view> used;
  for (const auto& view : all_views()) {
    int count = 0;
    for (const auto& row : decisions())
      count += matches(row, view) ? 1 : 0;
    EXPECT_EQ(count, 1) << name_of(view.verdict) << " / " << name_of(view.runbook) << " / " << name_of(view.server);
    used.insert(decide(view).id);
  }
  EXPECT_EQ(used.size(), decisions().size()) << "every row is reached";
}

TEST(Decide, LetsNobodyWriteWhoMayNot) {
  for (const auto& view : all_views()) {
    const auto& row = decide(view);
    const bool writes = view.server == ServerNow::primary || view.server == ServerNow::opening;
    if (view.verdict != Verdict::serve && writes) {
      EXPECT_TRUE(!row.tasks.empty() && row.tasks.front() == Task::stop_writing) << row.id;
    }
    if (view.verdict != Verdict::serve) {
      EXPECT_FALSE(has(row, Task::become_primary)) << row.id;
    }
    if (view.verdict == Verdict::serve) {
      EXPECT_FALSE(has(row, Task::stop_writing)) << row.id;
    }
  }
}

TEST(Decide, UndoesBeforeTheGrantAndFinishesAfterIt) {
  EXPECT_EQ(decide({Verdict::serve, RunbookNow::back_here, ServerNow::stopped}).tasks, std::vector{Task::undo_runbook});
  EXPECT_EQ(decide({Verdict::serve, RunbookNow::forward_here, ServerNow::standby}).tasks,
            std::vector{Task::finish_runbook});
}

TEST(Decide, OfTheOperatorsAuthorityFollowsTheProtocolsSituation) {
  const Members members{"uno", {"duo"}};
  Role role;
  role.kept = first_kept(1, "uno", {});
  const OperatorAuthority authority;
  EXPECT_EQ(authority.verdict(members, role), Verdict::wait);
  role.session.serving = true;
  EXPECT_EQ(authority.verdict(members, role), Verdict::serve);
  role = {};
  role.kept = first_kept(1, "duo", {});
  role.session.settled = true;
  EXPECT_EQ(authority.verdict(members, role), Verdict::follow);
  role.kept.granting = true;
  EXPECT_EQ(authority.verdict(members, role), Verdict::grant);
  role.kept.conflict = "duo";
  EXPECT_EQ(authority.verdict(members, role), Verdict::choose);
}

TEST(Roles, PageIsMadeFromTheTables) {
  const std::string path = std::string(TANDEM_SOURCE_DIR) + "/docs/roles.md";
  if (std::getenv("TANDEM_ACCEPT") != nullptr) std::ofstream(path) << roles_document();
  std::stringstream page;
  page << std::ifstream(path).rdbuf();
  EXPECT_EQ(page.str(), roles_document()) << "run this test with TANDEM_ACCEPT=1 to write docs/roles.md anew";
}

} // namespace
} // namespace tandem::role
