// The primary's end by itself, word for word: what it says and when it believes that the standby has it.
#include "replication/files/sender.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tandem::replication::stream {

namespace {

namespace fs = std::filesystem;

class SenderWords : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = "/var/tmp/tandem-sender-XXXXXX";
    base = ::mkdtemp(pattern.data());
    std::ofstream(base + "/file") << "content";
    auto tree = system::Tree::open(base);
    ASSERT_TRUE(tree);
    std::vector<Root> roots;
    roots.push_back({.tree = std::move(*tree)});
    sender.emplace(std::move(roots));
  }

  void TearDown() override { fs::remove_all(base); }

  void altered(const std::string& name) {
    sender->changed({{.kind = system::ChangeKind::altered, .path = base + "/" + name}});
  }

  template <class Kind>
  Kind said() {
    const auto bytes = sender->next(now);
    if (!bytes || !*bytes) {
      ADD_FAILURE() << "nothing is said";
      return {};
    }
    reader.take(**bytes);
    const auto message = reader.next();
    if (!message || !*message || !std::holds_alternative<Kind>(**message)) {
      ADD_FAILURE() << "something else is said";
      return {};
    }
    return std::get<Kind>(**message);
  }

  bool says_nothing() {
    const auto bytes = sender->next(now);
    return bytes && !*bytes;
  }

  std::string base;
  std::optional<Sender> sender;
  Reader reader;
  Time now = {};
};

} // namespace

// The answer to the mark says that all before it is there; the content went after it.
TEST_F(SenderWords, WhatIsWantedAfterAMarkIsBehindIt) {
  altered("file");
  const auto barrier = sender->barrier(false);
  const auto offer = said<Offer>();
  const auto mark = said<Mark>();
  ASSERT_TRUE(sender->take(Want{.place = offer.place, .order = offer.order}, now));
  EXPECT_EQ(said<Put>().content, "content");
  ASSERT_TRUE(sender->take(Done{.number = mark.number}, now));
  EXPECT_FALSE(sender->settled(barrier));
  const auto next = said<Mark>();
  ASSERT_TRUE(sender->take(Done{.number = next.number}, now));
  EXPECT_TRUE(sender->settled(barrier));
  EXPECT_TRUE(says_nothing());
}

TEST_F(SenderWords, WhatIsRenamedBeforeItsOfferIsAnsweredIsBehindTheMark) {
  altered("file");
  const auto barrier = sender->barrier(false);
  said<Offer>();
  const auto mark = said<Mark>();
  fs::rename(base + "/file", base + "/other");
  sender->changed({{.kind = system::ChangeKind::renamed, .path = base + "/other", .from = base + "/file"}});
  said<Rename>();
  while (!says_nothing()) {
  }
  ASSERT_TRUE(sender->take(Done{.number = mark.number}, now));
  EXPECT_FALSE(sender->settled(barrier));
}

// What changed after the call is somebody else's.
TEST_F(SenderWords, ALaterChangeKeepsNoBarrierOpen) {
  altered("file");
  const auto barrier = sender->barrier(false);
  said<Offer>();
  const auto mark = said<Mark>();
  altered("file");
  const auto again = said<Offer>();
  ASSERT_TRUE(sender->take(Want{.place = again.place, .order = again.order}, now));
  said<Put>();
  ASSERT_TRUE(sender->take(Done{.number = mark.number}, now));
  EXPECT_TRUE(sender->settled(barrier));
}

} // namespace tandem::replication::stream
