// What differs before the stream begins is found by the way through both trees.
#include "live_world.hpp"
#include "trees/torture.hpp"

#include <sys/xattr.h>

#include <atomic>
#include <thread>

namespace tandem::replication::live {

namespace {

class LiveWalk : public Live {
protected:
  void begin() {
    start();
    attach({.equal = false});
  }
};

} // namespace

TEST_F(LiveWalk, WhatDiffersIsMadeEqual) {
  for (const auto* side : {"/primary", "/standby"}) {
    fs::create_directories(base + side + "/one/same/deep");
    write(base + side + "/one/same/deep/file", "same");
    write(base + side + "/one/changed", side + std::string(side == std::string("/primary") ? "more" : ""));
    write(base + side + "/one/mode", "mode");
    write(base + side + "/one/coloured", "coloured");
    fs::create_symlink(side, base + side + "/one/link");
  }
  fs::permissions(at("one/mode"), fs::perms::owner_read);
  ::setxattr(at("one/coloured").c_str(), "user.colour", "red", 3, 0);
  fs::create_directories(at("one/new/deep"));
  write(at("one/new/deep/file"), "new");
  write(at("one/new/large"), std::string(700'000, 'l'));
  fs::create_directories(there("one/gone/deep"));
  write(there("one/gone/deep/file"), "gone");
  write(there("one/kept.left"), "left out");
  fs::create_directories(there("one/was-a-folder"));
  write(there("one/was-a-folder/x"), "x");
  write(at("one/was-a-folder"), "a file");
  write(there("two/was-a-file"), "a file");
  fs::create_directories(at("two/was-a-file/now"));
  begin();
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/kept.left")), "left out");
  EXPECT_FALSE(fs::exists(there("one/gone")));
}

TEST_F(LiveWalk, AStandbyThatHasNothingGetsAll) {
  for (int folder = 0; folder < 60; ++folder) {
    fs::create_directories(at(fmt::format("one/{}/below", folder)));
    for (int file = 0; file < 100; ++file)
      write(at(fmt::format("one/{}/below/{}", folder, file)), std::to_string(file));
  }
  begin();
  EXPECT_EQ(differs(), "");
}

// As rsync's rules have it: a folder that each server has for itself stays, and so do those around it.
TEST_F(LiveWalk, WhatAServerHasForItselfStaysWhenTheFoldersAroundItAreNotThere) {
  write(at("one/file"), "file");
  fs::create_directories(there("one/own/x/mine1"));
  write(there("one/own/x/mine1/file"), "mine");
  write(there("one/own/x/other"), "other");
  fs::create_directories(there("one/own/y"));
  write(there("one/own/y/cache.left"), "a kind of file, which goes with its folder");
  begin();
  ASSERT_TRUE(stream->flush(30s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/own/x/mine1/file")), "mine");
  EXPECT_FALSE(fs::exists(there("one/own/x/other")));
}

// What is so at its old name would be in the listing's way at the new one.
TEST_F(LiveWalk, WhatAServerHasForItselfStaysWhenTheFolderAroundItIsRenamed) {
  fs::create_directories(at("one/own/x"));
  write(at("one/own/x/file"), "file");
  fs::create_directories(there("one/own/x/mine1"));
  write(there("one/own/x/mine1/file"), "mine");
  begin();
  ASSERT_TRUE(stream->flush(30s)) << stream->state().problem;
  fs::rename(at("one/own"), at("one/other"));
  ASSERT_TRUE(stream->flush(30s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/other/x/file")), "file");
  EXPECT_EQ(read(there("one/own/x/mine1/file")), "mine");
  EXPECT_FALSE(fs::exists(there("one/own/x/file")));
}

// Files that come and go all the time are in no listing's way.
TEST_F(LiveWalk, AFolderIsComparedHoweverMuchItChanges) {
  for (int file = 0; file < 3000; ++file)
    write(at(fmt::format("one/{}", file)), "x");
  write(there("one/extra"), "extra");
  std::atomic<bool> enough = false;
  std::thread changes([&] {
    for (int number = 0; !enough; ++number) {
      write(at(fmt::format("one/session{}", number % 50)), "y");
      std::error_code ignored;
      fs::remove(at(fmt::format("one/session{}", (number + 25) % 50)), ignored);
      std::this_thread::sleep_for(200us); // some thousand changes a second, and not as many as a processor can do
    }
  });
  begin();
  const auto flushed = stream->flush(120s);
  EXPECT_FALSE(fs::exists(there("one/extra")));
  EXPECT_EQ(read(there("one/2999")), "x");
  enough = true;
  changes.join();
  EXPECT_TRUE(flushed) << stream->state().problem;
  EXPECT_EQ(differs(), "");
}

// A mount that is missing, as a rule.
TEST_F(LiveWalk, ARootThatIsEmptyTakesNothingFromTheStandby) {
  write(there("one/kept"), "kept");
  write(at("two/file"), "file");
  begin();
  ASSERT_TRUE(stream->flush(30s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/kept")), "kept");
  EXPECT_EQ(read(there("two/file")), "file");
}

// Folders wait until what was asked for of others is sent: more than is in flight at once.
TEST_F(LiveWalk, AFolderOfManyFilesIsComparedInStretches) {
  bounds.most_listed = 2'500;
  for (const auto* side : {"/primary", "/standby"}) {
    fs::create_directories(base + side + "/one/many");
    for (int file = 0; file < 6'000; ++file)
      write(fmt::format("{}{}/one/many/{}", base, side, file), "x");
  }
  begin();
  EXPECT_EQ(differs(), "");
}

class LiveWalkTorture : public LiveWalk, public ::testing::WithParamInterface<unsigned> {};

// The receiver dies in the middle of changes, again and again, and the next one begins with what is there.
TEST_P(LiveWalkTorture, EndsInEqualTrees) {
  trees::Torture torture(base + "/primary", GetParam());
  for (int round = 0; round < 8; ++round) {
    for (int change = 0; change < 150; ++change)
      torture.one();
    begin();
    for (int change = 0; change < 150; ++change)
      torture.one();
    auto all = differs();
    for (const auto limit = std::chrono::steady_clock::now() + 120s;
         !all.empty() && std::chrono::steady_clock::now() < limit;)
      all = differs();
    ASSERT_TRUE(all.empty()) << "seed " << GetParam() << ", round " << round << ": " << all;
    for (int change = 0; change < 100; ++change)
      torture.one();
    stop(); // in the middle of them
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LiveWalkTorture, ::testing::Range(1U, 1 + trees::seeds(5)));

} // namespace tandem::replication::live
