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

TEST(SettingsFile, WhatAStandbyNeedsStandsInItsControlData) {
  EXPECT_EQ(needed_by_standby("pg_control version number:            1300\n"
                              "Backup start location:                0/0\n"
                              "wal_level setting:                    replica\n"
                              "max_connections setting:              100\n"
                              "max_wal_senders setting:              10\n"
                              "max_prepared_xacts setting:           0\n"
                              "max_locks_per_xact setting:           64\n"
                              "track_commit_timestamp setting:       off\n"),
            (std::map<std::string, std::int64_t>{{"max_connections", 100},
                                                 {"max_wal_senders", 10},
                                                 {"max_prepared_transactions", 0},
                                                 {"max_locks_per_transaction", 64}}));
  EXPECT_TRUE(needed_by_standby("max_connections setting: many\nnonsense\n").empty());
}

} // namespace tandem::converge
