// Whom `tandem remove` takes out, and what it says otherwise.
#include "agent/operations/remove.hpp"

#include <gmock/gmock.h>

namespace tandem::agent {
namespace {

using ::testing::HasSubstr;

Removal fitting() {
  return {.server = "duo",
          .self = "uno",
          .primary = "uno",
          .members = {"duo", "uno"},
          .configured = {"uno"},
          .serving = true,
          .reachable = true};
}

struct RefusedRemoval {
  void (*change)(Removal&);
  ErrorKind kind;
  std::string says;
};

TEST(Removal, IsOfAStandbyThatTheFileDoesWithoutOnThePrimary) {
  EXPECT_TRUE(check_removal(fitting()));
  auto gone = fitting();
  gone.reachable = false;
  gone.gone = true;
  EXPECT_TRUE(check_removal(gone));
}

TEST(Removal, OfAnyOtherIsRefusedAndSaysWhatToDo) {
  const std::vector<RefusedRemoval> refusals{
      {[](Removal& removal) { removal.server = "uno"; }, ErrorKind::refused, "tandem switchover"},
      {[](Removal& removal) { removal.primary = "duo"; }, ErrorKind::refused, "Run it on duo"},
      {[](Removal& removal) { removal.primary.clear(); }, ErrorKind::refused, "tandem status"},
      {[](Removal& removal) { removal.configured.emplace_back("duo"); }, ErrorKind::refused, "out of the file first"},
      {[](Removal& removal) { removal.serving = false; }, ErrorKind::refused, "tandem status"},
      {[](Removal& removal) { removal.server = "quattro"; }, ErrorKind::not_found, "They are duo, uno"},
      {[](Removal& removal) { removal.reachable = false; }, ErrorKind::unavailable, "tandem remove --gone duo"}};
  for (const auto& refusal : refusals) {
    auto removal = fitting();
    refusal.change(removal);
    const auto checked = check_removal(removal);
    ASSERT_FALSE(checked) << refusal.says;
    EXPECT_EQ(checked.error().kind, refusal.kind) << refusal.says;
    EXPECT_THAT(checked.error().hint, HasSubstr(refusal.says));
  }
}

} // namespace
} // namespace tandem::agent
