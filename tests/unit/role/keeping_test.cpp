// In which order a server stops, stores and speaks, and what becomes of it when its disk takes nothing.
#include "role/keeping.hpp"

#include <gtest/gtest.h>

namespace tandem::role {
namespace {

const Change beginning{.epoch = 1, .primary = "uno", .reason = "tandem init", .time = "", .wal = ""};

struct KeepingTest : ::testing::Test {
  std::vector<std::string> done; // "stop", "store", "failed"
  bool full = false;
  std::optional<Kept> disk;
  Keeping keeping{{.stop = [this] { done.emplace_back("stop"); },
                   .store = [this](const Kept& kept) -> Result<void> {
                     done.emplace_back(full ? "failed" : "store");
                     if (full) return failed("no space left on device");
                     disk = kept;
                     return {};
                   }}};

  // uno serves at epoch 1 and has sessions with duo and tre, each at its first boot.
  void SetUp() override {
    keeping.load({.self = "uno", .others = {"duo", "tre"}}, first_kept(1, "uno", beginning));
    ASSERT_FALSE(keeping.take({.kind = EventKind::boot, .still_serving = true}).refused);
    for (const auto* peer : {"duo", "tre"})
      keeping.take(said(MessageKind::hello, peer, 1, "uno"));
    ASSERT_EQ(situation(), Situation::serving);
    done.clear();
  }

  [[nodiscard]] Event said(MessageKind kind, const std::string& from, Epoch epoch, const std::string& primary) const {
    Message message{.kind = kind, .from = from, .to = "uno"};
    message.from_boot = 1;
    message.to_boot = keeping.role().kept.incarnation;
    message.epoch = epoch;
    message.primary = primary;
    message.settled = true;
    return event_of(message);
  }

  [[nodiscard]] Event asks_for_promise() const {
    auto event = said(MessageKind::ask_promise, "duo", 1, "uno");
    event.message.subject = 2;
    event.message.insist = true;
    return event;
  }

  [[nodiscard]] Situation situation() const { return situation_of(keeping.members(), keeping.role()); }

  using Done = std::vector<std::string>;
};

TEST_F(KeepingTest, WhatItIsAskedForIsStoredBeforeItStops) {
  const auto outcome = keeping.take(asks_for_promise());
  EXPECT_FALSE(outcome.refused);
  EXPECT_EQ(done, (Done{"store", "stop"}));
  ASSERT_EQ(outcome.messages.size(), 1U);
  EXPECT_EQ(outcome.messages[0].kind, MessageKind::promise);
  EXPECT_EQ(disk->promised.at("duo"), 2U);
}

TEST_F(KeepingTest, WhatItIsAskedForAndCannotStoreHasNotHappened) {
  full = true;
  const auto before = keeping.role();
  for (const auto& event : {asks_for_promise(), Event{.kind = EventKind::grant_decided, .server = "duo"}}) {
    done.clear();
    const auto outcome = keeping.take(event);
    EXPECT_TRUE(outcome.refused);
    EXPECT_NE(outcome.sentence.find("no space left"), std::string::npos) << outcome.sentence;
    EXPECT_TRUE(outcome.messages.empty());
    EXPECT_TRUE(outcome.actions.empty());
    EXPECT_EQ(done, (Done{"failed"})) << "it goes on serving";
    EXPECT_EQ(keeping.role(), before);
  }
  EXPECT_FALSE(keeping.problem().empty());
  full = false;
  keeping.take({.kind = EventKind::repeat});
  EXPECT_TRUE(keeping.problem().empty()) << "it tries its disk until it is well";
}

TEST_F(KeepingTest, WhatItIsToldStopsItBeforeTheDiskIsAsked) {
  EXPECT_FALSE(keeping.take(said(MessageKind::hello, "duo", 2, "duo")).refused);
  EXPECT_EQ(done, (Done{"stop", "store"}));
  EXPECT_EQ(disk->primary, "duo");
}

TEST_F(KeepingTest, WhatItIsToldCountsInMemoryAndIsNotSpokenOfUntilItIsStored) {
  full = true;
  const auto told = keeping.take(said(MessageKind::hello, "duo", 2, "duo"));
  EXPECT_FALSE(told.refused);
  EXPECT_TRUE(told.messages.empty());
  EXPECT_EQ(done, (Done{"stop", "failed"}));
  EXPECT_EQ(keeping.role().kept.primary, "duo");
  // A third server that knows nothing of it confirms the epoch before: that does not let this one serve again.
  keeping.take(said(MessageKind::answer, "tre", 1, "uno"));
  EXPECT_NE(situation(), Situation::serving);
  EXPECT_TRUE(keeping.take({.kind = EventKind::repeat}).messages.empty());
  full = false;
  EXPECT_FALSE(keeping.take({.kind = EventKind::repeat}).refused);
  EXPECT_EQ(disk->primary, "duo");
  EXPECT_TRUE(keeping.problem().empty());
}

TEST_F(KeepingTest, GainsNothingBeforeItIsStored) {
  ASSERT_FALSE(keeping.take(asks_for_promise()).refused);
  ASSERT_EQ(situation(), Situation::waiting);
  full = true;
  const auto event = Event{.kind = EventKind::failover, .off = {"duo", "tre"}};
  EXPECT_TRUE(keeping.take(event).refused);
  EXPECT_EQ(situation(), Situation::waiting);
  full = false;
  EXPECT_FALSE(keeping.take(event).refused);
  EXPECT_EQ(situation(), Situation::serving);
}

TEST_F(KeepingTest, AStartThatCannotBeStoredChangesNothingAndIsTriedAgain) {
  keeping.load(keeping.members(), *disk);
  full = true;
  EXPECT_TRUE(keeping.take({.kind = EventKind::boot, .still_serving = true}).refused);
  EXPECT_TRUE(keeping.take(said(MessageKind::answer, "duo", 1, "uno")).refused);
  EXPECT_FALSE(keeping.booted());
  EXPECT_EQ(done, (Done{"failed"})) << "what serves is not stopped";
  EXPECT_TRUE(keeping.take(said(MessageKind::hello, "duo", 2, "duo")).refused);
  EXPECT_EQ(done, (Done{"failed", "stop"})) << "but for a later primary";
  full = false;
  EXPECT_FALSE(keeping.take({.kind = EventKind::boot, .still_serving = true}).refused);
  EXPECT_EQ(situation(), Situation::serving);
}

} // namespace
} // namespace tandem::role
