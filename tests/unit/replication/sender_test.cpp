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

  // All that it says until it has nothing to say.
  std::vector<Message> says() {
    std::vector<Message> all;
    for (;;) {
      const auto bytes = sender->next(now);
      if (!bytes || !*bytes) return all;
      reader.take(**bytes);
      while (const auto message = *reader.next())
        all.push_back(*message);
    }
  }

  void make_many(int count) {
    for (int number = 0; number < count; ++number)
      std::ofstream(base + "/" + std::to_string(number));
  }

  void told(system::ChangeKind kind, const std::string& name, const std::string& from = "") {
    sender->changed({{.kind = kind, .path = base + "/" + name, .from = from.empty() ? "" : base + "/" + from}});
  }

  // The same, with the kernel heard in between, as long as that brings anything.
  std::vector<Message> says_all() {
    std::vector<Message> all;
    for (int quiet = 0; quiet < 3;) {
      const auto some = says();
      quiet = some.empty() ? quiet + 1 : 0;
      all.insert(all.end(), some.begin(), some.end());
      sender->sighted(now);
    }
    return all;
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

// A mount that is missing when the stream begins takes nothing from the standby; later the guard decides.
TEST_F(SenderWords, AnEmptyRootIsListedButForTheBeginning) {
  fs::remove(base + "/file");
  sender->look_again(true);
  const auto at_first = says();
  ASSERT_EQ(at_first.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Offer>(at_first[0]));
  sender->look_again();
  const auto later = says();
  ASSERT_EQ(later.size(), 2U);
  EXPECT_TRUE(std::get<Listing>(later[1]).entries.empty());
}

TEST_F(SenderWords, ARemovalThatWasRefusedIsStillOneThatAComparisonFound) {
  ASSERT_TRUE(
      sender->take(Refused{.place = {.root = 0, .path = "gone"}, .order = 1, .why = "why", .extra = true}, now));
  now += std::chrono::minutes(1);
  EXPECT_TRUE(says().empty());
  sender->sighted(now);
  const auto said = says();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(std::get<Remove>(said[0]).extra);
}

// However much waits, the way through the trees goes on.
TEST_F(SenderWords, ManyChangesKeepNoListingBack) {
  make_many(30'000);
  std::vector<system::FileChange> changes;
  for (int number = 0; number < 30'000; ++number)
    changes.push_back({.kind = system::ChangeKind::written, .path = base + "/" + std::to_string(number)});
  sender->changed(changes);
  sender->look_again(true); // takes the place of what waits
  sender->changed(changes);
  bool listed = false;
  for (int message = 0; message < 100 && !listed; ++message) {
    const auto bytes = sender->next(now);
    ASSERT_TRUE(bytes && *bytes);
    reader.take(**bytes);
    listed = std::holds_alternative<Listing>(**reader.next());
  }
  EXPECT_TRUE(listed);
}

// What was offered is remembered until it is answered: not for all of a large tree at once.
TEST_F(SenderWords, ManyOffersAreAnsweredForWithoutAFlush) {
  make_many(20'001);
  std::size_t marks = 0;
  for (int number = 0; number < 20'001; ++number) {
    ASSERT_TRUE(sender->take(
        Want{.place = {.root = 0, .path = std::to_string(number)}, .order = 1, .deep = false, .look = true}, now));
    for (const auto& message : says())
      marks += std::holds_alternative<Mark>(message) ? 1U : 0U;
  }
  EXPECT_EQ(marks, 1U);
}

// What was known of the place when it was that before is due at the same moment.
TEST_F(SenderWords, ANameThatIsOneOfAFileOnceMoreIsSent) {
  using enum system::ChangeKind;
  fs::create_hard_link(base + "/file", base + "/name");
  told(made, "name");
  says_all();
  std::ofstream(base + "/other") << "another file";
  told(written, "other");
  says_all();
  fs::rename(base + "/other", base + "/name");
  told(renamed, "name", "other");
  says_all();
  fs::remove(base + "/name");
  told(removed, "name");
  says_all();
  fs::create_hard_link(base + "/file", base + "/name");
  told(made, "name");
  now += std::chrono::seconds(2);
  const auto links = std::ranges::count_if(says_all(), [](const Message& message) {
    const auto* link = std::get_if<Link>(&message);
    return link != nullptr && (link->place.path == "name" || link->file == "name");
  });
  EXPECT_GT(links, 0);
}

// A rest of the place that is older does not decide whether it goes on changing.
TEST_F(SenderWords, AFlushLooksAtALargeFileItselfWhereItsNameRests) {
  using enum system::ChangeKind;
  std::ofstream(base + "/large") << std::string(600'000, 'l');
  told(written, "large");
  says_all();
  fs::create_hard_link(base + "/large", base + "/name");
  told(made, "name");
  says_all();
  fs::resize_file(base + "/name", 500'000);
  told(growing, "name");
  sender->barrier(true);
  says_all();
  now += std::chrono::milliseconds(400);
  const auto all = says_all();
  EXPECT_TRUE(std::ranges::any_of(all, [](const Message& message) { return std::holds_alternative<Begin>(message); }));
}

// A delta of content that is another by now is no trouble; the whole of it that was not what was sent is.
TEST_F(SenderWords, AFileThatIsWantedWholeComesSoWithoutAWordUnlessItWasThat) {
  std::ofstream(base + "/large") << std::string(300'000, 'l');
  altered("large");
  const auto offer = said<Offer>();
  ASSERT_TRUE(sender->take(Want{.place = offer.place, .order = offer.order}, now));
  for (int time = 0; time < 3; ++time) {
    const auto begin = said<Begin>();
    EXPECT_EQ(begin.sums_for, time == 0 ? 300'000U : 0U);
    ASSERT_TRUE(sender->take(Refused{.place = offer.place, .why = "not that", .whole = true}, now));
    EXPECT_EQ(sender->problem().empty(), time == 0) << sender->problem();
    said<Drop>();
    EXPECT_TRUE(says().empty()) << "at once";
    now += std::chrono::seconds(1);
  }
  const auto barrier = sender->barrier(false);
  std::uint64_t sent = 0;
  for (const auto& message : says()) {
    if (const auto* piece = std::get_if<Piece>(&message)) {
      sent += piece->bytes.size();
      ASSERT_TRUE(sender->take(Took{.transfer = piece->transfer, .bytes = piece->bytes.size()}, now));
    }
  }
  EXPECT_GT(sent, 0U);
  const auto rest = says_all();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<End>(rest[0]));
  ASSERT_TRUE(sender->take(Done{.number = std::get<Mark>(rest[1]).number}, now));
  EXPECT_TRUE(sender->settled(barrier));
  EXPECT_EQ(sender->problem(), "");
}

} // namespace tandem::replication::stream
