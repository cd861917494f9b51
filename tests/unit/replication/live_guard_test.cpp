// What the file stream does not do: remove more than the guard allows, or say that all is there when it is not.
#include "live_world.hpp"
#include "replication/files/sender.hpp"

namespace tandem::replication::live {

namespace {

class LiveGuard : public Live {
protected:
  // Files on both sides from long ago, in two/files.
  void age(int count) {
    for (const auto* side : {"/primary", "/standby"}) {
      fs::create_directories(base + side + "/two/files");
      for (int number = 0; number < count; ++number)
        write(base + side + "/two/files/" + std::to_string(number), "x");
    }
  }

  void remove(int first, int last) {
    for (int number = first; number < last; ++number)
      fs::remove(at("two/files/" + std::to_string(number)));
  }

  [[nodiscard]] long left() const { return std::distance(fs::directory_iterator(there("two/files")), {}); }
};

} // namespace

TEST_F(LiveGuard, MoreRemovalsThanItAllowsEndTheStream) {
  age(500);
  start();
  attach({.guard = 0.5});
  remove(0, 200);
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  EXPECT_EQ(stream->state().removed, (std::map<std::string, std::uint64_t>{{at("two"), 200}}));
  fs::rename(at("two/files"), base + "/elsewhere");
  EXPECT_FALSE(stream->flush(30s));
  EXPECT_TRUE(stream->state().ended);
  EXPECT_TRUE(stream->state().guarded);
  EXPECT_THAT(stream->state().problem, ::testing::HasSubstr("deletion_guard"));
  EXPECT_EQ(left(), 300);
}

TEST_F(LiveGuard, CountsWhatIsKnownFromBefore) {
  age(500);
  start();
  attach({.guard = 0.5, .removed = 300}); // of the 800 that were there an hour ago
  remove(0, 90);
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  EXPECT_EQ(stream->state().removed[at("two")], 390);
  remove(90, 120);
  EXPECT_FALSE(stream->flush(30s));
  EXPECT_TRUE(stream->state().guarded);
  EXPECT_GE(left(), 399);
}

TEST_F(LiveGuard, LetsGoWhatCameWithinTheHour) {
  age(20);
  start();
  attach({.guard = 0.1});
  for (int round = 0; round < 3; ++round) {
    fs::create_directories(at("two/cached"));
    for (int number = 0; number < 400; ++number)
      write(at(fmt::format("two/cached/{}", number)), "x");
    ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
    fs::remove_all(at("two/cached"));
    ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
    EXPECT_FALSE(fs::exists(there("two/cached")));
  }
  EXPECT_EQ(stream->state().removed[at("two")], 0);
}

// An entry of it that rested was due while it was sent, and took the place of what flush waits for.
TEST_F(LiveGuard, FlushWaitsForALargeFileThatWasWrittenForLong) {
  start();
  attach();
  const std::string piece(8'000'000, 'p');
  std::ofstream file(at("one/large"), std::ios::binary);
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < 3s) {
    file.seekp(0);
    for (int count = 0; count < 4; ++count)
      file << piece << std::flush;
  }
  file.close();
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveGuard, FlushKnowsOfLargeFilesThatAreGoneOrRenamedWhileTheyAreSent) {
  start();
  attach();
  for (int number = 0; number < 60; ++number)
    write(at(fmt::format("one/{}", number)), std::string(1'000'000, static_cast<char>('a' + number % 26)));
  for (int number = 0; number < 60; ++number)
    number % 2 == 0 ? void(fs::remove(at(fmt::format("one/{}", number))))
                    : fs::rename(at(fmt::format("one/{}", number)), at(fmt::format("two/{}", number)));
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveGuard, OneThatIsWrittenAndClosedAllTheTimeIsThereInTheEnd) {
  start();
  attach();
  write(at("one/log"), std::string(30'000'000, 'l'));
  std::atomic<bool> enough = false;
  std::thread writer([&] {
    while (!enough) {
      std::ofstream(at("one/log"), std::ios::app) << "line\n";
      std::this_thread::yield();
    }
  });
  const auto flushed = stream->flush(120s);
  enough = true;
  writer.join();
  EXPECT_TRUE(flushed) << stream->state().problem;
  EXPECT_GE(fs::file_size(there("one/log")), 30'000'000U);
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveGuard, AFolderOfMoreNamesThanAMessageTakesIsComparedAsAWhole) {
  const std::string tail(200, 'n');
  for (const auto* side : {"/primary", "/standby"}) {
    fs::create_directories(base + side + "/one/many");
    for (int number = 1000; number < 5000; ++number)
      write(base + side + "/one/many/" + std::to_string(number) + tail, "x");
  }
  for (const auto* stray : {"0", "2500", "3777x", "9"})
    write(there("one/many/") + stray, "stray");
  start();
  attach();
  fs::rename(at("one/many"), at("two/many"));
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveGuard, WhatGoesWithItsFolderIsNotRemovedBeforeThatIsRenamed) {
  age(300);
  start();
  attach({.guard = 0.0001});
  stream->pause(30s);
  for (int number = 0; number < 300; ++number)
    write(at("two/files/" + std::to_string(number)), "y"); // waits for its turn under a name that ends
  fs::rename(at("two/files"), at("two/renamed"));
  stream->resume();
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(stream->state().removed[at("two")], 0);
}

TEST_F(LiveGuard, WhatIsReplacedByARenameCounts) {
  age(300);
  start();
  attach({.guard = 0.1});
  for (int number = 1; number < 300; ++number)
    fs::rename(at("two/files/" + std::to_string(number)), at("two/files/0"));
  EXPECT_FALSE(stream->flush(60s));
  EXPECT_TRUE(stream->state().guarded) << stream->state().problem;
  EXPECT_GE(left(), 190);
}

TEST_F(LiveGuard, AFolderThatTakesTheNameOfOneThatIsGoneIsNoLoss) {
  age(300);
  start();
  attach({.guard = 0.1});
  fs::create_directories(at("two/files.new"));
  for (int number = 0; number < 300; ++number)
    write(at(fmt::format("two/files.new/{}", number)), "new");
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  fs::remove_all(at("two/files"));
  fs::rename(at("two/files.new"), at("two/files"));
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  EXPECT_EQ(left(), 300);
  EXPECT_EQ(read(there("two/files/7")), "new");
  EXPECT_FALSE(fs::exists(there("two/files.new")));
}

// The receiver cannot begin what it has no folder for, and what asks for the folder finds it begun.
TEST_F(LiveGuard, ALargeFileInAFolderThatTheStandbyLacksIsThereAllTheSame) {
  fs::create_directories(at("one/folder"));
  start();
  attach();
  write(at("one/folder/large"), std::string(10'000'000, 'l'));
  EXPECT_EQ(differs(), "");
}

// Written anew and put in place with the size and time of what was there, as programs do that want the same package
// from the same files.
TEST_F(LiveGuard, AFileOfTheSameSizeAndTimeIsAnotherOne) {
  start();
  attach();
  for (const std::size_t size : {std::size_t{100}, std::size_t{500'000}}) {
    const auto name = "one/of" + std::to_string(size);
    write(at(name), std::string(size, 'a'));
    EXPECT_EQ(differs(), "");
    const auto time = fs::last_write_time(at(name));
    for (const auto* way : {"one/temporary", "one/folder/temporary"}) {
      fs::create_directories(at("one/folder"));
      write(at(way), std::string(size, way[5]));
      fs::last_write_time(at(way), time);
      fs::rename(at(way), at(name));
      EXPECT_EQ(differs(), "");
    }
    write(at(name), std::string(size, 'z'));
    fs::last_write_time(at(name), time);
    EXPECT_EQ(differs(), "");
  }
}

// Of which the kernel says no more than that it was written to: truncate(2), and utimensat(2) of a file's time alone.
TEST_F(LiveGuard, FlushWaitsForWhatHasChangedByItsNameAlone) {
  start();
  attach();
  for (const std::size_t size : {std::size_t{1'000}, std::size_t{500'000}}) {
    const auto name = at("one/of" + std::to_string(size));
    write(name, std::string(size, 'a'));
    ASSERT_EQ(differs(), "");
    for (std::size_t round = 1; round <= 8; ++round) {
      const auto another = name + std::to_string(round);
      fs::create_hard_link(name, another);
      fs::resize_file(another, size - round);
      std::this_thread::sleep_for(round % 4 * 3ms); // it was seen already, or was not
      EXPECT_EQ(differs(), "") << "after the size";
      fs::last_write_time(name, fs::file_time_type(std::chrono::hours(round)));
      EXPECT_EQ(differs(), "") << "after the time";
    }
  }
}

TEST_F(LiveGuard, FlushSendsWhatIsWrittenToAsItIsAndWaitsForNoLargeOneThatChanges) {
  start();
  attach();
  std::ofstream open(at("one/open"), std::ios::binary);
  std::ofstream large(at("one/large"), std::ios::binary);
  large << std::string(500'000, 'l') << std::flush;
  std::atomic<bool> enough = false;
  std::thread writes([&] {
    while (!enough) {
      large << "more" << std::flush;
      std::this_thread::sleep_for(200us);
    }
  });
  for (int round = 0; round < 5; ++round) {
    open << "round " << round << std::flush;
    EXPECT_TRUE(stream->flush(60s)) << stream->state().problem;
    EXPECT_EQ(read(there("one/open")), read(at("one/open")));
  }
  enough = true;
  writes.join();
  large.close();
  EXPECT_EQ(differs(), "");
}

// With nothing else under way: what is waited for then must be the walk itself.
TEST_F(LiveGuard, AfterAnOverflowFlushWaitsForTheWalk) {
  write(at("one/unheard"), "of");
  auto tree = system::Tree::open(at("one"));
  ASSERT_TRUE(tree);
  std::vector<stream::Root> known;
  known.push_back({.tree = std::move(*tree), .patterns = {}});
  stream::Sender sender(std::move(known));
  sender.changed({{.kind = system::ChangeKind::overflow, .folder = false, .path = {}, .from = {}}});
  sender.barrier(true);
  stream::Reader reader;
  std::vector<stream::Message> sent;
  for (;;) {
    const auto bytes = sender.next(std::chrono::steady_clock::now());
    ASSERT_TRUE(bytes);
    if (!*bytes && !sender.awaits_sight()) break;
    sender.sighted({});
    if (!*bytes) continue;
    reader.take(**bytes);
    while (const auto message = *reader.next())
      sent.push_back(*message);
  }
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<stream::Offer>(sent[0]));
  EXPECT_TRUE(std::holds_alternative<stream::Listing>(sent[1]));
  EXPECT_TRUE(std::holds_alternative<stream::Mark>(sent[2]));
}

} // namespace tandem::replication::live
