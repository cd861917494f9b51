#include "converge/ledger.hpp"
#include "converge/line_diff.hpp"
#include "fakes/server.hpp"

#include <gtest/gtest.h>

namespace tandem::converge {

TEST(Ledger, RemembersAuthorsAndOwedReactions) {
  fakes::Server server;
  Ledger ledger("/converge.json");
  ASSERT_TRUE(ledger.load(server.files));
  ledger.settle("/etc/a", "mine");
  ledger.owe({ReactionKind::reload, "nginx.service"});
  ASSERT_TRUE(ledger.save(server.files));
  Ledger again("/converge.json");
  ASSERT_TRUE(again.load(server.files));
  EXPECT_EQ(again.author("/etc/a", "mine"), Authorship::tandem);
  EXPECT_EQ(again.author("/etc/a", "theirs"), Authorship::edited);
  EXPECT_EQ(again.author("/etc/b", "mine"), Authorship::elsewhere);
  EXPECT_EQ(again.owed().size(), 1U);
}

TEST(Ledger, ANewerVersionAndADamagedFileAreErrorsAtEveryLength) {
  fakes::Server server;
  Ledger ledger("/converge.json");
  ledger.settle("/etc/a", "mine");
  ledger.owe({ReactionKind::restart, "x.service"});
  ASSERT_TRUE(ledger.save(server.files));
  const auto text = server.files.content("/converge.json");
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    server.files.put("/converge.json", text.substr(0, length));
    EXPECT_FALSE(Ledger("/converge.json").load(server.files)) << length;
  }
  server.files.put("/converge.json", R"({"version": 99, "files": {}, "owed": []})");
  EXPECT_NE(Ledger("/converge.json").load(server.files).error().message.find("version 99"), std::string::npos);
}

TEST(LineDiff, ShowsOnlyWhatDiffers) {
  EXPECT_EQ(line_diff("a\nb\nc\n", "a\nx\nc\n"), (std::vector<std::string>{"- b", "+ x"}));
  EXPECT_EQ(line_diff("a\nb\nc\nd\n", "b\nc\nd\ne\n"), (std::vector<std::string>{"- a", "+ e"}));
  EXPECT_TRUE(line_diff("same\n", "same\n").empty());
  EXPECT_EQ(line_diff("a\n", "a").size(), 1U);
}

TEST(LineDiff, ALongDifferenceIsCutWithACount) {
  std::string after;
  for (int i = 0; i < 100; ++i)
    after += "line " + std::to_string(i) + "\n";
  const auto diff = line_diff("", after, 10);
  EXPECT_EQ(diff.size(), 11U);
  EXPECT_EQ(diff.back(), "… and 90 more lines");
}

} // namespace tandem::converge
