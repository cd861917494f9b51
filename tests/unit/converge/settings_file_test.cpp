#include "converge/settings_file.hpp"

#include <gtest/gtest.h>

namespace tandem::converge {

TEST(SettingsFile, IsReadAsPostgresqlReadsIt) {
  EXPECT_EQ(
      parse_settings("# comment\n\n"
                     "work_mem = '8MB'\n"
                     "Shared_Buffers 1GB # half of it\n"
                     "port=5433\n"
                     "my.note = 'it''s \\'so\\''\n"
                     "work_mem = 9MB\n"
                     "empty = ''\n"),
      (DatabaseSettings{
          {"work_mem", "9MB"}, {"shared_buffers", "1GB"}, {"port", "5433"}, {"my.note", "it's 'so'"}, {"empty", ""}}));
}

TEST(SettingsFile, NonsenseIsPassedOver) {
  EXPECT_EQ(parse_settings("= 3\n'x'\n\\\n"), DatabaseSettings{});
  EXPECT_EQ(parse_settings("name\nother = 'open"), (DatabaseSettings{{"name", ""}, {"other", "open"}}));
}

TEST(SettingsFile, DifferencesAreInValuesAndInWhatOneOfThemLacks) {
  EXPECT_EQ(differing_names({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"b", "2"}, {"c", "4"}, {"d", "5"}}),
            (std::vector<std::string>{"a", "c", "d"}));
  EXPECT_TRUE(differing_names({{"a", "1"}}, {{"a", "1"}}).empty());
}

} // namespace tandem::converge
