#include "journal/crc32c.hpp"
#include "journal/journal.hpp"
#include "simulation/memory_files.hpp"

#include <gtest/gtest.h>

namespace tandem::journal {
namespace {

const std::string path = "/var/lib/tandem/journal";
const std::vector<std::string> payloads = {R"({"step":"close the gate"})", "", R"({"step":"drain","after":"done"})"};

std::string full_journal() {
  testing::MemoryFiles files;
  auto journal = Journal::open(files, path);
  for (const auto& payload : payloads)
    EXPECT_TRUE(journal->append(payload));
  return files.contents[path];
}

TEST(Crc32c, MatchesItsPublishedCheckValue) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("56789", crc32c("1234")), 0xE3069283U) << "piece by piece";
}

TEST(Journal, KeepsWhatWasAppended) {
  testing::MemoryFiles files;
  files.contents[path] = full_journal();
  const auto journal = Journal::open(files, path);
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->payloads(), payloads);
  EXPECT_EQ(journal->cut(), 0U);
}

TEST(Journal, OfNoFileIsEmpty) {
  testing::MemoryFiles files;
  const auto journal = Journal::open(files, path);
  ASSERT_TRUE(journal);
  EXPECT_TRUE(journal->payloads().empty());
}

TEST(Journal, TornOnADiskThatTakesNothingCanBeReadAndIsMendedByTheNextAppend) {
  testing::MemoryFiles files;
  files.contents[path] = full_journal() + "5 12 0";
  files.disk_full = true;
  auto journal = Journal::open(files, path);
  ASSERT_TRUE(journal) << describe(journal.error());
  EXPECT_EQ(journal->payloads(), payloads);
  EXPECT_FALSE(journal->append("next"));
  files.disk_full = false;
  ASSERT_TRUE(journal->append("next"));
  const auto again = Journal::open(files, path);
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(again->cut(), 0U);
  EXPECT_EQ(again->payloads().size(), payloads.size() + 1);
}

TEST(Journal, ReopenedAtEveryShorterLengthHoldsTheWholeRecordsAndGoesOn) {
  const auto full = full_journal();
  std::vector<std::size_t> ends; // where each record ends
  for (std::size_t i = 0; i < full.size(); ++i)
    if (full[i] == '\n') ends.push_back(i + 1);
  ASSERT_EQ(ends.size(), payloads.size() + 1); // the first line too
  for (std::size_t length = 0; length <= full.size(); ++length) {
    SCOPED_TRACE(length);
    testing::MemoryFiles files;
    files.contents[path] = full.substr(0, length);
    auto journal = Journal::open(files, path);
    ASSERT_TRUE(journal) << describe(journal.error());
    const auto whole = static_cast<std::size_t>(std::ranges::count_if(ends, [&](auto end) { return end <= length; }));
    const auto records = whole == 0 ? 0 : whole - 1;
    EXPECT_EQ(journal->payloads(), std::vector(payloads.begin(), payloads.begin() + records));
    EXPECT_EQ(journal->cut(), length - (whole == 0 ? 0 : ends[whole - 1]));
    ASSERT_TRUE(journal->append("next"));
    const auto again = Journal::open(files, path);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(again->payloads().size(), records + 1);
    EXPECT_EQ(again->payloads().back(), "next");
  }
}

TEST(Journal, CutsATailOfBlocksThatWereNeverFilled) {
  const auto full = full_journal();
  testing::MemoryFiles files;
  files.contents[path] = full.substr(0, full.size() - 9) + std::string(4096, '\0');
  const auto journal = Journal::open(files, path);
  ASSERT_TRUE(journal) << describe(journal.error());
  EXPECT_EQ(journal->payloads().size(), payloads.size() - 1);
}

TEST(Journal, ReportsEverySingleAlteredBitAndChangesNothing) {
  const auto full = full_journal();
  for (std::size_t byte = 0; byte < full.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(fmt::format("byte {} bit {}", byte, bit));
      auto altered = full;
      altered[byte] = static_cast<char>(altered[byte] ^ (1 << bit));
      testing::MemoryFiles files;
      files.contents[path] = altered;
      const auto journal = Journal::open(files, path);
      ASSERT_FALSE(journal);
      EXPECT_EQ(files.contents[path], altered);
    }
  }
}

TEST(Journal, ReportsAMissingRecordInTheMiddle) {
  const auto full = full_journal();
  const auto first = full.find('\n') + 1;
  const auto second = full.find('\n', first) + 1;
  const auto contents = read_records(full.substr(0, first) + full.substr(second));
  ASSERT_FALSE(contents);
  EXPECT_NE(contents.error().message.find("record 1 at byte 17"), std::string::npos) << contents.error().message;
  EXPECT_NE(contents.error().message.find("numbered 2"), std::string::npos) << contents.error().message;
}

TEST(Journal, RefusesANewerFormatWithWhatToDo) {
  const auto contents = read_records("tandem journal 2\n1 0 00000000 \n");
  ASSERT_FALSE(contents);
  EXPECT_EQ(contents.error().kind, ErrorKind::invalid);
  EXPECT_NE(contents.error().hint.find("newer tandem"), std::string::npos);
}

TEST(Journal, AFailedAppendIsNotInItAndTheNextOneMendsTheFile) {
  for (std::size_t kept = 0; kept < 20; ++kept) {
    testing::MemoryFiles files;
    auto journal = Journal::open(files, path);
    ASSERT_TRUE(journal->append("one"));
    files.break_append_at = kept;
    EXPECT_FALSE(journal->append("two, which does not fit on the disk"));
    EXPECT_EQ(journal->payloads().size(), 1U);
    ASSERT_TRUE(journal->append("three"));
    const auto again = Journal::open(files, path);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(again->payloads(), (std::vector<std::string>{"one", "three"}));
  }
}

TEST(Journal, RefusesAPayloadOfTwoLines) {
  testing::MemoryFiles files;
  auto journal = Journal::open(files, path);
  const auto appended = journal->append("one\ntwo");
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().kind, ErrorKind::invalid);
}

} // namespace
} // namespace tandem::journal
