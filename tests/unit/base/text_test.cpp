#include "base/text.hpp"

#include <gtest/gtest.h>

namespace tandem {

TEST(Text, SplitKeepsEmptyPieces) {
  EXPECT_EQ(split("a::b", ':'), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ':'), (std::vector<std::string>{""}));
}

TEST(Text, LinesOfDropsOnlyTheLastLineEnd) {
  EXPECT_EQ(lines_of("a\n\nb\n"), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_TRUE(lines_of("").empty());
}

TEST(Text, ToNumberTakesWholeNumbersOnly) {
  EXPECT_EQ(to_number("42"), 42);
  EXPECT_EQ(to_number("-1"), -1);
  for (const auto* bad : {"", "4 2", "4x", " 4", "99999999999999999999"})
    EXPECT_FALSE(to_number(bad)) << bad;
}

TEST(Text, NearestFindsASlipOfTheFingerAndNothingElse) {
  const std::vector<std::string> keys{"timezone", "packages", "firewall"};
  EXPECT_EQ(nearest("timezon", keys), "timezone");
  EXPECT_EQ(nearest("pakages", keys), "packages");
  EXPECT_FALSE(nearest("colour", keys));
}

TEST(Text, ShellQuotedProtectsWhatAShellWouldRead) {
  EXPECT_EQ(shell_quoted("/etc/nginx"), "/etc/nginx");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quoted(""), "''");
}

} // namespace tandem
