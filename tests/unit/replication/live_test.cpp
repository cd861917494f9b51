// The file stream with the kernel's real word and real folders.
#include "live_world.hpp"

#include <sys/xattr.h>

namespace tandem::replication::live {

TEST_F(Live, WhatChangesIsThereOnceItIsFlushed) {
  start();
  attach();
  fs::create_directories(at("one/a/b"));
  write(at("one/a/b/file"), "text");
  fs::create_symlink("../nowhere", at("one/a/link"));
  write(at("one/skipped.left"), "no");
  EXPECT_EQ(read(there("one/skipped.left")), "");
  ASSERT_TRUE(stream->flush(30s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/a/b/file")), "text");
  EXPECT_EQ(fs::read_symlink(there("one/a/link")), "../nowhere");
  EXPECT_FALSE(fs::exists(there("one/skipped.left")));
  fs::remove(at("one/skipped.left"));

  fs::rename(at("one/a"), at("two/moved"));
  fs::permissions(at("two/moved/b/file"), fs::perms::owner_read);
  ::setxattr(at("two/moved/b/file").c_str(), "user.colour", "red", 3, 0);
  EXPECT_EQ(differs(), "");
  EXPECT_FALSE(fs::exists(there("one/a")));
  fs::remove_all(at("two/moved"));
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, WhatChangedBeforeTheReceiverWasThereIsSentToIt) {
  start();
  write(at("one/early"), "early");
  attach();
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/early")), "early");
}

TEST_F(Live, ALargeFileComesWholeAndSmallOnesPassIt) {
  start();
  attach();
  std::string large(20'000'000, 'x');
  for (std::size_t place = 0; place < large.size(); place += 4099)
    large[place] = static_cast<char>(place);
  write(at("one/large"), large);
  write(at("one/small"), "small");
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/large")), large);
  fs::resize_file(at("one/large"), 1000);
  {
    std::ofstream(at("one/large"), std::ios::app) << "end";
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, AFileThatIsStillWrittenKeepsNoOtherAndIsThereOnceItIsClosed) {
  start();
  attach();
  std::ofstream file(at("one/growing"));
  file << "half" << std::flush;
  write(at("one/other"), "other");
  ASSERT_TRUE(stream->flush(30s));
  EXPECT_EQ(read(there("one/other")), "other");
  file << " and whole";
  file.close();
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, APausedStreamSendsNothingAndThenAll) {
  start();
  attach();
  stream->pause(30s);
  write(at("one/later"), "later");
  const auto early = stream->flush(300ms);
  EXPECT_FALSE(early);
  EXPECT_FALSE(fs::exists(there("one/later")));
  stream->resume();
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, ManyLargeFilesComeAFewAtATime) {
  start();
  attach();
  fs::create_directories(at("one/photos"));
  for (int number = 0; number < 70; ++number)
    write(at(fmt::format("one/photos/{}", number)), std::string(263'000, static_cast<char>('a' + number % 26)));
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, OnePieceAtATimeOnItsWayIsEnough) {
  bounds.most_in_flight = 1;
  start();
  attach();
  for (int number = 0; number < 5; ++number)
    write(at(fmt::format("one/{}", number)), std::string(1'000'000, static_cast<char>('a' + number)));
  write(at("one/small"), "small");
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, ALargeFileIsMadeOutOfWhatIsThere) {
  start();
  attach();
  std::string content(5'000'000, '\0');
  std::mt19937 random(1);
  for (auto& byte : content)
    byte = static_cast<char>(random());
  write(at("one/large"), content);
  EXPECT_EQ(differs(), "");
  content.insert(2'000'000, "in the middle");
  write(at("one/large"), content);
  EXPECT_EQ(differs(), "");
  content.resize(1'000'000);
  write(at("one/large"), content);
  write(at("one/other"), content);
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/large")) == content, true);
}

TEST_F(Live, ARootThatIsAnotherFolderByNowEndsIt) {
  start();
  attach();
  write(at("one/kept"), "kept");
  EXPECT_EQ(differs(), "");
  fs::rename(at("one"), at("before"));
  fs::create_directories(at("one"));
  write(at("one/other"), "other");
  EXPECT_FALSE(stream->flush(30s));
  EXPECT_TRUE(stream->state().ended);
  EXPECT_EQ(read(there("one/kept")), "kept");
}

TEST_F(Live, AFileWithTheNumberOfOneThatIsGoneIsAnother) {
  auto tree = system::Tree::open(at("one"));
  ASSERT_TRUE(tree);
  std::set<system::FileId> known;
  for (int file = 0; file < 50; ++file) { // most have the same number, on ext4
    write(at("one/file"), "x");
    fs::create_hard_link(at("one/file"), at("one/name"));
    const auto node = tree->look("file");
    ASSERT_TRUE(node);
    EXPECT_TRUE(known.insert(node->id).second) << file;
    const auto name = tree->look("name");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->id, node->id);
    const std::array names{std::string("name")};
    const auto digests = tree->digests("", names);
    ASSERT_TRUE(digests && digests->front());
    EXPECT_EQ(digests->front()->id, node->id) << "listings are compared with what is seen otherwise";
    fs::remove(at("one/file"));
    fs::remove(at("one/name"));
  }
}

TEST_F(Live, PathsThatLeadOutAreRefused) {
  auto tree = system::Tree::open(at("one"));
  ASSERT_TRUE(tree);
  fs::create_directories(at("one/folder"));
  for (const std::string path :
       {"..", "folder/..", "../two", "folder/../../two", "/etc", "folder//x", ".", "folder/."}) {
    EXPECT_FALSE(tree->look(path)) << path;
    EXPECT_FALSE(tree->remove(path)) << path;
    EXPECT_FALSE(tree->make_folder(path, {.exists = true, .type = system::FileType::folder, .mode = 0755})) << path;
    EXPECT_FALSE(tree->rename("folder", *tree, path)) << path;
  }
  EXPECT_TRUE(fs::exists(at("one/folder")));
  EXPECT_TRUE(fs::exists(at("two")));
}

TEST_F(Live, ALinkOnTheStandbyLeadsNobodyElsewhere) {
  fs::create_directories(at("one/folder"));
  fs::create_directories(base + "/elsewhere");
  fs::create_symlink(base + "/elsewhere", there("one/folder"));
  start();
  attach();
  write(at("one/folder/file"), "text");
  EXPECT_EQ(differs(), "");
  EXPECT_TRUE(fs::is_empty(base + "/elsewhere"));
}

// Of what changed before it began to watch nothing is told: a census finds it.
TEST_F(Live, WhatACensusHasFoundIsSent) {
  write(at("one/before"), "it watched");
  fs::create_directories(at("one/folder/below"));
  write(at("one/folder/below/file"), "too");
  write(at("two/other"), "mode");
  write(there("two/other"), "mode");
  fs::last_write_time(there("two/other"), fs::last_write_time(at("two/other")));
  fs::permissions(at("two/other"), fs::perms::owner_read);
  start();
  using Difference = Census::Difference;
  stream->look_at({Difference{.place = {0, "before"}, .missing = true}, Difference{.place = {0, ""}}});
  attach();
  ASSERT_TRUE(stream->flush(60s));
  EXPECT_EQ(read(there("one/before")), "it watched") << "told before there was a receiver";
  EXPECT_FALSE(fs::exists(there("one/folder"))) << "nothing was said of it";
  stream->look_at({Difference{.place = {0, "folder"}, .missing = true}, Difference{.place = {1, "other"}}});
  EXPECT_EQ(differs(), "");
}

} // namespace tandem::replication::live
