// The standby's end by itself: what it answers.
#include "faults.hpp"
#include "replication/files/receiver.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace tandem::replication::stream {

namespace {

namespace fs = std::filesystem;

class ReceiverWords : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = "/var/tmp/tandem-receiver-XXXXXX";
    base = ::mkdtemp(pattern.data());
    auto tree = system::Tree::open(base);
    ASSERT_TRUE(tree);
    std::vector<Receiver::Root> roots;
    roots.push_back({.tree = std::move(*tree)});
    receiver.emplace(std::move(roots), 0.1, [this](const Message& message) { answers.push_back(message); });
  }

  void TearDown() override { fs::remove_all(base); }

  template <class Kind>
  std::vector<Kind> answered() const {
    std::vector<Kind> found;
    for (const auto& answer : answers)
      if (const auto* one = std::get_if<Kind>(&answer)) found.push_back(*one);
    return found;
  }

  std::string base;
  std::vector<Message> answers;
  std::optional<Receiver> receiver;
};

} // namespace

// Its own offer was refused, perhaps since the disk was full: that comes again without what is in it.
TEST_F(ReceiverWords, AFolderThatIsNotThereIsWantedWithAllThatIsInIt) {
  ASSERT_TRUE(receiver->take(
      Listing{.place = {.root = 0, .path = "missing"}, .order = 7, .after = {}, .until = {}, .entries = {{"file", 5}}},
      {}));
  EXPECT_THAT(answered<Want>(),
              ::testing::ElementsAre(Want{.place = {.root = 0, .path = "missing"}, .order = 7, .deep = true}));
  EXPECT_THAT(answered<Listed>(), ::testing::ElementsAre(Listed{1}));
}

// An hour ago there was nothing: a few may go all the same, and not all that came since.
TEST_F(ReceiverWords, WhatAComparisonFindsGoneOfAllThatCameWithinTheHourIsSetAgainstAFewAlone) {
  const auto place = [](int number) { return Place{.root = 0, .path = std::to_string(number)}; };
  system::Node node{.exists = true, .type = system::FileType::regular, .mode = 0644};
  for (int number = 0; number < 300; ++number)
    ASSERT_TRUE(receiver->take(Put{.place = place(number), .order = 1, .node = node, .content = {}}, {}));
  for (int number = 0; number < 100; ++number)
    ASSERT_TRUE(receiver->take(Remove{.place = place(number), .extra = true}, {}));
  EXPECT_TRUE(answered<Stop>().empty());
  EXPECT_FALSE(fs::exists(base + "/99"));
  ASSERT_TRUE(receiver->take(Remove{.place = place(100), .extra = true}, {}));
  EXPECT_EQ(answered<Stop>().size(), 1U);
  EXPECT_TRUE(fs::exists(base + "/100"));
}

// Names that stay are no loss.
TEST_F(ReceiverWords, WhatCannotBeRemovedIsRefusedAndCountsForNothing) {
  std::ofstream(base + "/kept") << "content";
  std::optional<faults::Faults> faults;
  std::thread([&] { faults.emplace(1, 1); }).join(); // whose own calls never fail
  faults::Faults::only("unlinkat");
  for (int tries = 0; tries < 250; ++tries)
    ASSERT_TRUE(receiver->take(Remove{.place = {.root = 0, .path = "kept"}, .extra = true}, {}));
  faults.reset();
  EXPECT_EQ(answered<Refused>().size(), 250U);
  EXPECT_TRUE(answered<Stop>().empty());
}

// The whole of a file that there is no room for would be sent again and again.
TEST_F(ReceiverWords, ALargeFileThatWasRefusedIsNotWantedAtOnceWhenAllOfItHasCome) {
  std::optional<faults::Faults> faults;
  std::thread([&] { faults.emplace(1, 1); }).join();
  faults::Faults::only("openat");
  ASSERT_TRUE(receiver->take(Begin{.transfer = 1, .place = {.root = 0, .path = "large"}}, {}));
  faults.reset();
  ASSERT_TRUE(receiver->take(Piece{.transfer = 1, .offset = 0, .bytes = "piece"}, {}));
  system::Node node{.exists = true, .type = system::FileType::regular, .mode = 0644, .size = 5};
  ASSERT_TRUE(receiver->take(End{.transfer = 1, .node = node}, {}));
  EXPECT_EQ(answered<Refused>().size(), 1U);
  EXPECT_THAT(answered<Want>(), ::testing::ElementsAre(Want{.place = {.root = 0, .path = ""}, .look = true}));
}

// Or it would never come: nobody says any more of it than that its folder is missing.
TEST_F(ReceiverWords, ALargeFileWhoseFolderIsMissingIsRefusedAndItsFolderWanted) {
  const Place place{.root = 0, .path = "missing/large"};
  ASSERT_TRUE(receiver->take(Begin{.transfer = 1, .place = place, .sums_for = 1'000'000}, {}));
  EXPECT_THAT(answered<Want>(), ::testing::ElementsAre(Want{.place = {.root = 0, .path = "missing"}, .deep = true}));
  ASSERT_EQ(answered<Refused>().size(), 1U);
  EXPECT_EQ(answered<Refused>()[0].place, place);
  EXPECT_TRUE(answered<Refused>()[0].whole) << "which is tried again soon";
  fs::create_directory(base + "/missing");
  ASSERT_TRUE(receiver->take(Drop{.transfer = 1}, {}));
  ASSERT_TRUE(receiver->take(Begin{.transfer = 2, .place = place, .sums_for = 1'000'000}, {}));
  EXPECT_THAT(answered<Sums>(), ::testing::ElementsAre(Sums{.transfer = 2, .bytes = "", .last = true, .none = true}));
  EXPECT_EQ(answered<Refused>().size(), 1U);
}

TEST_F(ReceiverWords, OfManyThatAreNotOnThePrimaryAPartIsAskedAboutAtOnce) {
  fs::create_directory(base + "/many");
  for (int number = 0; number < 10'020; ++number)
    std::ofstream(base + "/many/" + std::to_string(number));
  ASSERT_TRUE(receiver->take(
      Listing{.place = {.root = 0, .path = "many"}, .order = 7, .after = {}, .until = {}, .entries = {}}, {}));
  const auto wants = answered<Want>();
  EXPECT_EQ(std::ranges::count(wants, true, &Want::extra), 10'000);
  EXPECT_EQ(std::ranges::count(wants, true, &Want::deep), 1);
}

} // namespace tandem::replication::stream
