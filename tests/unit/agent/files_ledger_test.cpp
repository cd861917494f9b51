// What the primary's agent remembers of the standbys' files.
#include "agent/files_ledger.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace tandem::agent {

namespace {

using replication::Reconciled;

class FilesLedgerTest : public ::testing::Test {
protected:
  void SetUp() override { folder = ::mkdtemp(pattern.data()); }

  void TearDown() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::string path() const { return folder + "/files-stopped.json"; }

  static void compared(FilesLedger& ledger, const Reconciled& done, bool allowed = false) {
    ledger.succeeded("duo", "2026-11-24T10:00:00Z", done, FilesLedger::Time{}, allowed);
  }

  std::string pattern = "/tmp/tandem-ledger-XXXXXX";
  std::string folder;
  system::LinuxFiles files;
  system::LinuxClock clock;
  FilesLedger ledger;
};

} // namespace

TEST_F(FilesLedgerTest, AStopOutlivesTheAgent) {
  ASSERT_TRUE(ledger.keep(files, clock, path()));
  const auto begun = ledger.stream_begins("duo");
  ledger.stream_removed("duo", begun.count, {{"/www", 90}}, "");
  EXPECT_FALSE(std::filesystem::exists(path()));
  ledger.stream_removed("duo", begun.count, {{"/www", 95}}, "more than the guard allows, caf\xe9.jpg among them");
  FilesLedger next;
  ASSERT_TRUE(next.keep(files, clock, path()));
  EXPECT_TRUE(next.removed("duo").stopped);
  EXPECT_FALSE(next.removed("tre").stopped);
  compared(next, {}); // the files are there again
  EXPECT_FALSE(next.removed("duo").stopped);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(FilesLedgerTest, WhatAPersonAllowedTheOldStreamCannotStopAgain) {
  ASSERT_TRUE(ledger.keep(files, clock, path()));
  const auto begun = ledger.stream_begins("duo");
  ledger.stream_removed("duo", begun.count, {{"/www", 95}}, "more than the guard allows");
  ledger.compared_names("duo", {{"/www", {.removed = 300}}});
  compared(ledger, {.deleted = 300}, true);
  ledger.stream_removed("duo", begun.count, {{"/www", 95}}, "more than the guard allows");
  EXPECT_FALSE(ledger.removed("duo").stopped);
  EXPECT_EQ(ledger.removed("duo").names["/www"], 0U);
  EXPECT_TRUE(ledger.take_renewal("duo"));
  EXPECT_FALSE(ledger.take_renewal("duo"));
}

TEST_F(FilesLedgerTest, AReceiverBeginsWithWhatComparisonsRemoved) {
  ledger.compared_names("duo", {{"/www", {.removed = 45, .made = 5}}});
  compared(ledger, {.deleted = 40});
  const auto begun = ledger.stream_begins("duo");
  EXPECT_EQ(begun.removed.names.at("/www"), 40U);
  ledger.stream_removed("duo", begun.count, {{"/www", 47}}, "");
  EXPECT_EQ(ledger.removed("duo").names.at("/www"), 47U);
  EXPECT_FALSE(ledger.take_renewal("duo"));
}

TEST_F(FilesLedgerTest, CountsWhatAComparisonThatFailedHasRemovedAndIsNotForgottenWithTheAgent) {
  ASSERT_TRUE(ledger.keep(files, clock, path()));
  ledger.compared_names("duo", {{"/www", {.removed = 250}}});
  ledger.failed("duo", Error{ErrorKind::failed, "the disk is full", {}});
  EXPECT_TRUE(ledger.take_renewal("duo")) << "the receiver that runs knows nothing of it";
  FilesLedger next;
  ASSERT_TRUE(next.keep(files, clock, path()));
  EXPECT_EQ(next.stream_begins("duo").removed.names.at("/www"), 250U);
  EXPECT_FALSE(next.removed("duo").stopped);
}

TEST_F(FilesLedgerTest, OneThatWasAskedForIsTriedAgainWhenItWasRefused) {
  ledger.ask_for("duo");
  EXPECT_EQ(ledger.asked(), std::set<std::string>{"duo"});
  EXPECT_EQ(ledger.broke_off(), std::set<std::string>{});
  ledger.failed("duo", Error{ErrorKind::refused, "too many would vanish", {}});
  EXPECT_EQ(ledger.asked(), std::set<std::string>{});
  EXPECT_EQ(ledger.broke_off(), std::set<std::string>{"duo"});
  compared(ledger, {});
  EXPECT_EQ(ledger.broke_off(), std::set<std::string>{});
  ledger.failed("duo", Error{ErrorKind::refused, "too many would vanish", {}});
  EXPECT_EQ(ledger.broke_off(), std::set<std::string>{}) << "nobody waits for it, and a person has to look";
}

TEST_F(FilesLedgerTest, WhatItCannotReadIsSaid) {
  ASSERT_TRUE(files.write(path(), "[1]", 0600, {}));
  EXPECT_FALSE(ledger.keep(files, clock, path()));
}

} // namespace tandem::agent
