// Files of several names are so on the standby.
#include "live_world.hpp"

#include <sys/stat.h>

#include <thread>

namespace tandem::replication::live {

namespace {

class LiveLinks : public Live {
protected:
  void begin(bool equal = true) {
    start();
    attach({.equal = equal});
  }

  [[nodiscard]] static ino_t inode(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }
};

} // namespace

TEST_F(LiveLinks, ANewNameIsOneOfTheSameFile) {
  begin();
  fs::create_directories(at("one/far/away"));
  write(at("one/far/away/first"), "content");
  write(at("one/large"), std::string(700'000, 'l'));
  ASSERT_EQ(differs(), "");
  const auto before = inode(there("one/far/away/first"));
  const auto large = inode(there("one/large"));
  fs::create_hard_link(at("one/far/away/first"), at("one/another"));
  fs::create_hard_link(at("one/large"), at("one/far/large"));
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(inode(there("one/another")), before) << "nothing was to be sent";
  EXPECT_EQ(inode(there("one/far/large")), large);
}

TEST_F(LiveLinks, WhatIsWrittenByOneNameIsReadByAll) {
  write(at("one/a"), "before");
  fs::create_hard_link(at("one/a"), at("one/b"));
  fs::create_hard_link(at("one/a"), at("one/c"));
  begin(false);
  ASSERT_EQ(differs(), "");
  write(at("one/c"), "and after");
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/a")), "and after");
  fs::permissions(at("one/b"), fs::perms::owner_read);
  fs::rename(at("one/a"), at("one/z"));
  EXPECT_EQ(differs(), "");
  fs::remove(at("one/b"));
  write(at("one/c"), std::string(500'000, 'c'));
  EXPECT_EQ(differs(), "");
}

// Which would change with each other unseen.
TEST_F(LiveLinks, NamesOfTwoFilesAreNoNamesOfOneOnTheStandby) {
  for (const auto* name : {"one/a", "one/b", "one/c", "one/d"})
    write(at(name), "same");
  write(there("one/a"), "same");
  for (const auto* name : {"one/b", "one/c", "one/d"})
    fs::create_hard_link(there("one/a"), there(name));
  fs::remove(at("one/d"));
  fs::create_hard_link(at("one/c"), at("one/d"));
  for (const auto* name : {"one/a", "one/b", "one/c"})
    fs::last_write_time(at(name), fs::last_write_time(there("one/a")));
  begin(false);
  EXPECT_EQ(differs(), "");
  EXPECT_NE(inode(there("one/a")), inode(there("one/b")));
  EXPECT_EQ(inode(there("one/c")), inode(there("one/d")));
}

// A copy of a tree in which each file is another name of the old one: nothing is sent but names.
TEST_F(LiveLinks, ATreeOfLinksIsOneOnTheStandby) {
  for (int folder = 0; folder < 20; ++folder) {
    fs::create_directories(at(fmt::format("one/old/{}", folder)));
    for (int file = 0; file < 50; ++file)
      write(at(fmt::format("one/old/{}/{}", folder, file)), fmt::format("{} {}", folder, file));
  }
  begin(false);
  ASSERT_EQ(differs(), "");
  std::map<std::string, ino_t> before;
  for (int file = 0; file < 1000; ++file) {
    const auto name = fmt::format("{}/{}", file / 50, file % 50);
    before[name] = inode(there("one/old/" + name));
  }
  fs::copy(at("one/old"), at("one/new"), fs::copy_options::recursive | fs::copy_options::create_hard_links);
  EXPECT_EQ(differs(), "");
  // One that was counted while its other names were looked for may have been sent.
  EXPECT_GT(std::ranges::count_if(before,
                                  [&](const auto& one) { return inode(there("one/new/" + one.first)) == one.second; }),
            500);
  fs::remove_all(at("one/old"));
  EXPECT_EQ(differs(), "");
}

// Of which the kernel tells under that name alone.
TEST_F(LiveLinks, WhatIsWrittenByANameThatIsLeftOutIsSent) {
  write(at("one/file"), "content");
  fs::create_hard_link(at("one/file"), at("one/name.left"));
  begin(false);
  ASSERT_EQ(differs(), "");
  write(at("one/name.left"), "and more");
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/file")), "and more");
  EXPECT_FALSE(fs::exists(there("one/name.left")));
}

// The kernel tells of a change under the name by which it was made, and that may be gone when the change is sent.
TEST_F(LiveLinks, WhatIsWrittenByANameThatGoesIsThereUnderTheOthers) {
  for (const auto* name : {"one/a", "one/m", "two/x"}) {
    write(at(name), "before");
    fs::create_hard_link(at(name), at(std::string(name) + "2"));
  }
  fs::create_directories(at("one/folder"));
  write(at("one/folder/a"), "before");
  fs::create_hard_link(at("one/folder/a"), at("one/z"));
  begin(false);
  ASSERT_EQ(differs(), "");
  write(at("one/a"), "after");
  fs::remove(at("one/a"));
  write(at("one/m"), "after");
  write(at("one/new"), "another");
  fs::rename(at("one/new"), at("one/m"));
  write(at("two/x"), "after");
  fs::rename(at("two/x"), at("one/x"));
  write(at("one/folder/a"), "after");
  fs::remove_all(at("one/folder"));
  EXPECT_EQ(differs(), "");
  for (const auto* name : {"one/a2", "one/m2", "two/x2", "one/z"})
    EXPECT_EQ(read(there(name)), "after") << name;
}

// None of the names was known before: the kernel says which file it was.
TEST_F(LiveLinks, WhatIsWrittenByANameThatNobodyHasSeenIsThereUnderTheOthers) {
  for (int file = 0; file < 300; ++file)
    write(at(fmt::format("one/{}", file)), "before");
  begin(false);
  ASSERT_EQ(differs(), "");
  for (int file = 0; file < 300; ++file) {
    const auto name = at(fmt::format("one/{}", file));
    const auto other = at(file % 2 == 0 ? "two/other" : "one/other.left");
    fs::create_hard_link(name, other);
    write(other, fmt::format("after {}", file));
    if (file % 3 == 0) fs::permissions(other, fs::perms::owner_read);
    fs::remove(other);
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveLinks, WhatIsWrittenByANameThatIsAnotherFilesByNowIsThereUnderTheOthers) {
  for (int file = 0; file < 300; ++file)
    write(at(fmt::format("one/{}", file)), "before");
  begin(false);
  ASSERT_EQ(differs(), "");
  for (int file = 0; file < 300; ++file) {
    fs::create_hard_link(at(fmt::format("one/{}", file)), at("one/second"));
    write(at("one/second"), fmt::format("after {}", file));
    write(at("two/new"), "another");
    fs::rename(at("two/new"), at("one/second"));
    if (file % 2 == 0) write(at("one/second"), "and another");
    fs::remove(at("one/second"));
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveLinks, WhatIsWrittenInAFolderThatGoesIsThereUnderTheOtherNames) {
  for (int file = 0; file < 200; ++file)
    write(at(fmt::format("one/{}", file)), "before");
  begin(false);
  ASSERT_EQ(differs(), "");
  for (int file = 0; file < 200; ++file) {
    fs::create_directories(at("one/folder"));
    fs::create_hard_link(at(fmt::format("one/{}", file)), at("one/folder/name"));
    write(at("one/folder/name"), fmt::format("after {}", file));
    if (file % 2 == 0) fs::rename(at("one/folder"), at("two/folder"));
    fs::remove_all(at("one/folder"));
    fs::remove_all(at("two/folder"));
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveLinks, WhatIsSetUnderANameThatGetsAnotherAndGoesIsSoUnderTheOthers) {
  for (int file = 0; file < 200; ++file)
    write(at(fmt::format("one/{}", file)), "content");
  begin(false);
  ASSERT_EQ(differs(), "");
  for (int file = 0; file < 200; ++file) {
    fs::create_hard_link(at(fmt::format("one/{}", file)), at("one/name"));
    fs::permissions(at("one/name"), fs::perms::owner_read);
    fs::rename(at("one/name"), at("one/other"));
    fs::remove(at("one/other"));
  }
  EXPECT_EQ(differs(), "");
}

// Whose inodes have others then.
TEST_F(LiveLinks, FilesThatAreNoneOfOursAreForgotten) {
  begin();
  for (int round = 0; round < 50; ++round) {
    write(at("one/1.left"), "1");
    fs::create_hard_link(at("one/1.left"), at("one/2.left"));
    write(at("one/1.left"), "2");
    if (round % 2 == 0) {
      ASSERT_EQ(differs(), "");
    }
    fs::remove(at("one/1.left"));
    fs::remove(at("one/2.left"));
    const auto name = at(fmt::format("one/{}", round));
    write(name, "before");
    ASSERT_EQ(differs(), "");
    fs::create_hard_link(name, name + "x");
    write(name + "x", "after");
    ASSERT_EQ(differs(), "");
  }
}

TEST_F(LiveLinks, ANameThatIsLeftOutAfterARenameIsNone) {
  for (const auto* folder : {"one/olds/x", "one/other"}) {
    fs::create_directories(at(folder));
  }
  write(at("one/olds/x/mine"), "before");
  fs::create_hard_link(at("one/olds/x/mine"), at("one/other/name"));
  begin(false);
  ASSERT_EQ(differs(), "");
  fs::rename(at("one/olds"), at("one/own")); // "/own/*/mine*" is left out
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  write(at("one/own/x/mine"), "after");
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/other/name")), "after");
}

TEST_F(LiveLinks, ANameThatIsLeftOutNoMoreAfterARenameIsOne) {
  fs::create_directories(at("one/own/x"));
  begin();
  write(at("one/own/x/mine"), "before"); // "/own/*/mine*" is left out
  fs::create_hard_link(at("one/own/x/mine"), at("one/name.left"));
  write(at("one/name.left"), "written by a name that is left out");
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  fs::rename(at("one/own"), at("one/other"));
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  write(at("one/name.left"), "after");
  ASSERT_TRUE(stream->flush(60s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/other/x/mine")), "after");
}

// As git and mail servers make files.
TEST_F(LiveLinks, AFileThatIsMadeByALinkIsWrittenToByADescriptorOfItsFormerName) {
  begin();
  for (int file = 0; file < 100; ++file) {
    const auto temporary = at(file % 2 == 0 ? "one/temporary" : "one/temporary.left");
    std::ofstream open(temporary, std::ios::binary);
    open << file << std::flush;
    fs::create_hard_link(temporary, at(fmt::format("one/{}", file)));
    fs::remove(temporary);
    open << " and more";
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveLinks, WhatIsWrittenByNamesThatAllGoWithTheirFolderIsNoConcern) {
  fs::create_directories(at("one/folder"));
  write(at("one/folder/a"), "before");
  fs::create_hard_link(at("one/folder/a"), at("one/folder/b"));
  begin(false);
  ASSERT_EQ(differs(), "");
  write(at("one/folder/a"), "after");
  write(at("one/folder/b"), "and after");
  fs::remove_all(at("one/folder"));
  EXPECT_EQ(differs(), "");
}

// What was below it goes as well, and its other names have what was to be sent.
TEST_F(LiveLinks, AFileInThePlaceOfAFolderTakesNoContentFromTheOthers) {
  for (int round = 0; round < 20; ++round) {
    const auto folder = at(fmt::format("one/{}", round));
    fs::create_directories(folder);
    write(folder + "/a", "before");
    fs::create_hard_link(folder + "/a", at(fmt::format("one/other{}", round)));
  }
  begin(false);
  ASSERT_EQ(differs(), "");
  stop();
  for (int round = 0; round < 20; ++round)
    write(at(fmt::format("one/other{}", round)), "after " + std::to_string(round));
  begin(false);
  for (int round = 0; round < 20; ++round) {
    const auto folder = at(fmt::format("one/{}", round));
    fs::remove_all(folder);
    write(folder, "a file");
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveLinks, ALargeFileIsThereUnderTheOtherNameWhenTheFirstGoesMeanwhile) {
  write(at("one/a"), "before");
  fs::create_hard_link(at("one/a"), at("one/b"));
  begin(false);
  ASSERT_EQ(differs(), "");
  write(at("one/b"), std::string(50'000'000, 'b'));
  for (int count = 0; count < 1000 && stream->state().waiting == 0; ++count)
    std::this_thread::yield();
  fs::remove(at("one/a"));
  EXPECT_EQ(differs(), "");
}

// The name by which it is written to goes first, and is one that nothing is told of.
TEST_F(LiveLinks, AFileThatGetsItsNameBeforeItIsWholeIsThereOnceItRests) {
  begin();
  std::ofstream file(at("one/part.left"), std::ios::binary);
  file << "half" << std::flush;
  fs::create_hard_link(at("one/part.left"), at("one/final"));
  fs::remove(at("one/part.left"));
  file << " and half";
  file.close();
  std::string all;
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while ((all = differs()) != "" && std::chrono::steady_clock::now() < limit) {
  }
  EXPECT_EQ(all, "");
  EXPECT_EQ(read(there("one/final")), "half and half");
}

// On the standby each replicated folder has a file of its own.
TEST_F(LiveLinks, WhatIsWrittenInOneRootIsReadInTheOther) {
  write(at("one/file"), "before");
  fs::create_hard_link(at("one/file"), at("two/file"));
  fs::create_hard_link(at("one/file"), at("two/other"));
  begin(false);
  ASSERT_EQ(differs(), "");
  write(at("one/file"), "after");
  EXPECT_EQ(differs(), "");
  fs::permissions(at("two/other"), fs::perms::owner_read);
  EXPECT_EQ(differs(), "");
  write(at("one/file"), "at last");
  fs::remove(at("one/file"));
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("two/file")), "at last");
}

// One whose other names are where nothing is replicated from is a file like any other.
TEST_F(LiveLinks, NamesElsewhereAreNone) {
  begin();
  write(base + "/primary/outside", "content");
  fs::create_hard_link(base + "/primary/outside", at("one/inside"));
  EXPECT_EQ(differs(), "");
  write(base + "/primary/outside", "content that nobody is told of");
  write(at("one/inside"), "and more");
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/inside")), "and more");
}

} // namespace tandem::replication::live
