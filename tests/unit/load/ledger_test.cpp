#include "bench/load/compare.hpp"
#include "bench/load/ledger.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

namespace tandem::load {
namespace {

class LedgerFile : public testing::Test {
protected:
  LedgerFile() : path_(std::filesystem::path(testing::TempDir()) / fmt::format("ledger-{}", getpid())) {}

  ~LedgerFile() override { std::filesystem::remove(path_); }

  std::string text() const {
    std::ifstream file(path_, std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }

  void write_some() {
    auto ledger = LedgerWriter::create(path_, "r1", "shop.example", "T0");
    ASSERT_TRUE(ledger);
    ledger->started({Kind::order, Protocol::http1, "r1-000001", "", 0}, "T1");
    ledger->started({Kind::photo, Protocol::http2, "r1-000002", "abcd", 20'000}, "T2");
    ledger->acknowledged("r1-000002", "T3", 12.5);
    ledger->started({Kind::order, Protocol::http2, "r1-000003", "", 0}, "T4");
    ledger->failed("r1-000001", "T5", {"status 503", "\xfe"});
    EXPECT_EQ(ledger->error(), "");
  }

  std::filesystem::path path_;
};

TEST_F(LedgerFile, WhatIsWrittenIsReadBack) {
  write_some();
  auto ledger = parse_ledger(text());
  ASSERT_TRUE(ledger) << ledger.error().message;
  EXPECT_EQ(ledger->run, "r1");
  ASSERT_EQ(ledger->entries.size(), 3U);
  EXPECT_EQ(ledger->entries["r1-000001"].fate, Fate::failed);
  EXPECT_EQ(ledger->entries["r1-000001"].reason, "status 503");
  const Entry& photo = ledger->entries["r1-000002"];
  EXPECT_TRUE(photo.photo);
  EXPECT_EQ(photo.sha256, "abcd");
  EXPECT_EQ(photo.fate, Fate::acknowledged);
  EXPECT_EQ(photo.time, "T3");
  EXPECT_EQ(ledger->entries["r1-000003"].fate, Fate::unknown);
}

TEST_F(LedgerFile, EachLineIsInTheFileBeforeTheNextIsWritten) {
  auto ledger = LedgerWriter::create(path_, "r1", "shop.example", "T0");
  ASSERT_TRUE(ledger);
  for (int i = 0; i < 3; ++i) {
    ledger->started({Kind::order, Protocol::http1, fmt::format("r1-{}", i), "", 0}, "T1");
    EXPECT_EQ(parse_ledger(text())->entries.size(), static_cast<std::size_t>(i + 1));
  }
}

TEST_F(LedgerFile, CutOffAtAnyByteItGivesTheLinesBeforeTheCut) {
  write_some();
  const std::string whole = text();
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::string part = whole.substr(0, cut);
    std::string lines = part.substr(0, part.rfind('\n') + 1);
    auto ledger = parse_ledger(part);
    ASSERT_TRUE(ledger) << "cut at " << cut << ": " << ledger.error().message;
    auto expected = parse_ledger(lines);
    ASSERT_TRUE(expected);
    EXPECT_EQ(ledger->entries.size(), expected->entries.size());
    EXPECT_EQ(ledger->entries.size(), static_cast<std::size_t>(std::ranges::count(lines, '\n') > 1) +
                                          (lines.find("000002\",\"kind") != lines.npos) +
                                          (lines.find("000003\",\"kind") != lines.npos));
  }
}

TEST_F(LedgerFile, ABadLineIsNamed) {
  write_some();
  const std::string whole = text();
  const std::string first = whole.substr(0, whole.find('\n') + 1);
  for (std::string bad : {"{\n", "[]\n", "{\"event\":\"acknowledged\",\"reference\":\"x\",\"time\":\"T\"}\n",
                          "{\"event\":\"started\",\"time\":\"T\"}\n"}) {
    auto ledger = parse_ledger(first + bad);
    ASSERT_FALSE(ledger) << bad;
    EXPECT_TRUE(ledger.error().message.starts_with("line 2: ")) << ledger.error().message;
  }
  EXPECT_FALSE(parse_ledger(whole.substr(first.size()))) << "without the line that names the run";
  EXPECT_FALSE(parse_ledger(whole + whole.substr(first.size()))) << "everything twice";
}

TEST(LedgerWriter, SaysWhereItCannotWrite) {
  auto ledger = LedgerWriter::create("/nonexistent/ledger", "r", "d", "T");
  ASSERT_FALSE(ledger);
  EXPECT_NE(ledger.error().message.find("/nonexistent/ledger"), std::string::npos);
}

Ledger sample() {
  Ledger ledger{.run = "r1", .entries = {}};
  ledger.entries["r1-1"] = {false, "", Fate::acknowledged, "T", ""};
  ledger.entries["r1-2"] = {true, "aa", Fate::acknowledged, "T", ""};
  ledger.entries["r1-3"] = {false, "", Fate::failed, "T", "status 503"};
  ledger.entries["r1-4"] = {false, "", Fate::unknown, "T", ""};
  return ledger;
}

ShopAccount account(std::string_view json) {
  auto parsed = parse_shop_account(json);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? *parsed : ShopAccount{};
}

TEST(Compare, WhatWasAcknowledgedAndIsThereOnceIsGood) {
  auto result = compare(
      {sample()}, account(R"({"orders": {"r1-1": 1, "older": 2}, "photos": {"r1-2": {"count": 1, "sha256": "aa"}}})"));
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.writes, 4U);
  EXPECT_EQ(result.acknowledged, 2U);
  EXPECT_EQ(result.failed, 1U);
  EXPECT_EQ(result.unknown, 1U);
  EXPECT_TRUE(result.unacknowledged_present.empty());
  EXPECT_TRUE(result.unrecorded.empty());
}

TEST(Compare, AbsentWithoutFileOrWithOtherContentIsLost) {
  EXPECT_EQ(compare({sample()}, account(R"({"orders": {}, "photos": {}})")).lost.size(), 2U);
  auto no_file =
      compare({sample()}, account(R"({"orders": {"r1-1": 1}, "photos": {"r1-2": {"count": 1, "sha256": null}}})"));
  ASSERT_EQ(no_file.lost.size(), 1U);
  EXPECT_NE(no_file.lost[0].what.find("file is missing"), std::string::npos);
  auto other =
      compare({sample()}, account(R"({"orders": {"r1-1": 1}, "photos": {"r1-2": {"count": 1, "sha256": "bb"}}})"));
  ASSERT_EQ(other.lost.size(), 1U);
  EXPECT_FALSE(other.good());
}

TEST(Compare, AnOrderIsNotFoundAmongThePhotos) {
  auto result =
      compare({sample()}, account(R"({"orders": {"r1-2": 1}, "photos": {"r1-1": {"count": 1, "sha256": "aa"}}})"));
  EXPECT_EQ(result.lost.size(), 2U);
}

TEST(Compare, MoreThanOnceIsDoubledAcknowledgedOrNot) {
  auto result = compare(
      {sample()}, account(R"({"orders": {"r1-1": 2, "r1-3": 2}, "photos": {"r1-2": {"count": 3, "sha256": "aa"}}})"));
  EXPECT_EQ(result.doubled.size(), 3U);
  EXPECT_TRUE(result.lost.empty());
  EXPECT_FALSE(result.good());
}

TEST(Compare, UnacknowledgedButPresentAndUnrecordedAreInformation) {
  auto result = compare(
      {sample()},
      account(
          R"({"orders": {"r1-1": 1, "r1-3": 1, "r1-4": 1, "r1-9": 1}, "photos": {"r1-2": {"count": 1, "sha256": "aa"}}})"));
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.unacknowledged_present.size(), 2U);
  ASSERT_EQ(result.unrecorded.size(), 1U);
  EXPECT_EQ(result.unrecorded[0].reference, "r1-9");
}

TEST(Compare, SeveralLedgersAreTakenTogether) {
  Ledger second{.run = "r10", .entries = {}};
  second.entries["r10-1"] = {false, "", Fate::acknowledged, "T", ""};
  auto result =
      compare({sample(), second},
              account(R"({"orders": {"r1-1": 1, "r10-1": 1}, "photos": {"r1-2": {"count": 1, "sha256": "aa"}}})"));
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.acknowledged, 3U);
  EXPECT_TRUE(result.unrecorded.empty());
}

TEST(Compare, WhatIsNoAccountIsRefused) {
  for (auto bad :
       {"", "[]", "{}", R"({"orders": {"a": "x"}, "photos": {}})", R"({"orders": {}, "photos": {"a": 1}})"}) {
    EXPECT_FALSE(parse_shop_account(bad)) << bad;
  }
}

TEST(Compare, FindingsStandInTextAndJson) {
  auto result = compare({sample()}, account(R"({"orders": {"r1-1": 2}, "photos": {}})"));
  EXPECT_NE(to_text(result).find("doubled: order r1-1: there 2 times"), std::string::npos);
  auto json = nlohmann::json::parse(to_json(result));
  EXPECT_EQ(json["lost"], 1);
  EXPECT_EQ(json["doubled"], 1);
  EXPECT_EQ(json["findings"]["lost"][0]["reference"], "r1-2");
}

} // namespace
} // namespace tandem::load
