// What inotify tells, as the stream of files takes it.
#include "system/folder_watch.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tandem::system {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class FolderWatchTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = "/var/tmp/tandem-watch-XXXXXX";
    base = ::mkdtemp(pattern.data());
    for (const auto* folder : {"root/a/b", "root/c", "root/left/x", "elsewhere"})
      fs::create_directories(at(folder));
    begin();
  }

  void TearDown() override {
    ::umount2(at("root/a/b").c_str(), MNT_DETACH);
    fs::remove_all(base);
  }

  void begin() {
    auto opened = FolderWatch::open({at("root")}, [this](const std::string& path) { return path == at("root/left"); });
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_THAT(opened->unwatched(), IsEmpty()) << opened->why_not();
    watch = std::move(*opened);
  }

  [[nodiscard]] std::string at(const std::string& path) const { return base + "/" + path; }

  void write(const std::string& path) const { std::ofstream(at(path)) << "x"; }

  static std::string word_of(ChangeKind kind) {
    switch (kind) {
    case ChangeKind::made:
      return "made";
    case ChangeKind::growing:
      return "growing";
    case ChangeKind::written:
      return "written";
    case ChangeKind::altered:
      return "altered";
    case ChangeKind::removed:
      return "removed";
    case ChangeKind::renamed:
      return "renamed";
    case ChangeKind::overflow:
      return "overflow";
    }
    return "?";
  }

  [[nodiscard]] std::string below(const std::string& path) const {
    return path.starts_with(at("root")) ? path.substr(at("root").size()) : path.empty() ? "-" : path;
  }

  // All that has happened since; "made /a/x", "renamed /a -> /b".
  std::vector<std::string> told() {
    std::vector<std::string> words;
    for (bool more = true; more;) {
      const auto changes = watch->read(more);
      EXPECT_TRUE(changes) << changes.error().message;
      if (!changes) break;
      for (const auto& one : *changes) {
        const auto names =
            one.kind == ChangeKind::renamed ? below(one.from) + " -> " + below(one.path) : below(one.path);
        words.push_back(word_of(one.kind) + " " + names + (one.folder ? "/" : ""));
      }
    }
    return words;
  }

  std::string base;
  std::optional<FolderWatch> watch;
};

TEST_F(FolderWatchTest, TellsWhatHappensToFilesInOrder) {
  write("root/a/b/file");
  EXPECT_THAT(told(), ElementsAre("made /a/b/file", "growing /a/b/file", "written /a/b/file"));
  ::chmod(at("root/a/b/file").c_str(), 0600);
  fs::rename(at("root/a/b/file"), at("root/c/other"));
  fs::remove(at("root/c/other"));
  EXPECT_THAT(told(), ElementsAre("altered /a/b/file", "renamed /a/b/file -> /c/other", "removed /c/other"));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(FolderWatchTest, NewFoldersAreWatchedWithAllThatIsInThem) {
  fs::create_directories(at("root/new/deep/er"));
  EXPECT_THAT(told(), Contains("renamed - -> /new/")) << "it was filled before it was watched";
  write("root/new/deep/er/file");
  EXPECT_THAT(told(), Contains("written /new/deep/er/file"));
  fs::create_directory(at("root/empty"));
  EXPECT_THAT(told(), ElementsAre("made /empty/"));
  write("root/empty/file");
  EXPECT_THAT(told(), Contains("written /empty/file"));
}

TEST_F(FolderWatchTest, AFolderThatIsRenamedIsKnownByItsNewNameWithAllInIt) {
  fs::rename(at("root/a"), at("root/c/a2"));
  EXPECT_THAT(told(), ElementsAre("renamed /a -> /c/a2/"));
  write("root/c/a2/b/file");
  EXPECT_THAT(told(), Contains("written /c/a2/b/file"));
}

// What is read then is long past.
TEST_F(FolderWatchTest, NamesThatChangeHandsAreNotConfused) {
  fs::rename(at("root/a"), at("root/a1"));
  fs::create_directory(at("root/a"));
  fs::rename(at("root/a"), at("root/a2"));
  fs::create_directory(at("root/a"));
  fs::rename(at("root/c"), at("root/b"));
  fs::rename(at("root/a1"), at("root/c"));
  told();
  write("root/c/b/of-the-first");
  write("root/a2/of-the-second");
  write("root/a/of-the-third");
  write("root/b/of-c");
  const auto words = told();
  for (const auto* path : {"/c/b/of-the-first", "/a2/of-the-second", "/a/of-the-third", "/b/of-c"})
    EXPECT_THAT(words, Contains(std::string("written ") + path));
}

TEST_F(FolderWatchTest, WhatGoesOutOfTheRootIsGoneAndWhatComesInIsThereWithAllInIt) {
  fs::rename(at("root/a"), at("elsewhere/a"));
  EXPECT_THAT(told(), ElementsAre("renamed /a -> -/"));
  write("elsewhere/a/b/unseen");
  EXPECT_THAT(told(), IsEmpty());
  fs::rename(at("elsewhere/a"), at("root/back"));
  EXPECT_THAT(told(), ElementsAre("renamed - -> /back/"));
  write("root/back/b/seen");
  EXPECT_THAT(told(), Contains("written /back/b/seen"));
}

TEST_F(FolderWatchTest, AFolderThatTakesTheNameOfOneThatWentOutIsKept) {
  fs::rename(at("root/a"), at("elsewhere/a"));
  fs::rename(at("root/c"), at("root/a"));
  told();
  write("root/a/file");
  EXPECT_THAT(told(), Contains("written /a/file"));
}

TEST_F(FolderWatchTest, WhatIsLeftOutIsNotWatchedUntilItHasAnotherName) {
  write("root/left/x/file");
  EXPECT_THAT(told(), IsEmpty());
  fs::rename(at("root/left/x"), at("root/in"));
  EXPECT_THAT(told(), ElementsAre("renamed - -> /in/"));
  write("root/in/file");
  EXPECT_THAT(told(), Contains("written /in/file"));
  fs::rename(at("root/in"), at("root/left"));
  EXPECT_THAT(told(), Contains("renamed /in -> /left/"));
  write("root/left/late");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(FolderWatchTest, AFolderIsMadeAgainUnderItsName) {
  for (int round = 0; round < 3; ++round) {
    fs::remove_all(at("root/a"));
    fs::create_directories(at("root/a/b"));
  }
  told();
  write("root/a/b/file");
  EXPECT_THAT(told(), Contains("written /a/b/file"));
  fs::remove_all(at("root/a"));
  const auto words = told();
  EXPECT_THAT(words, Contains("removed /a/b/file"));
  EXPECT_THAT(words, Contains("removed /a/"));
}

TEST_F(FolderWatchTest, WhatIsWrittenBetweenTwoRenamesOfItsFolderIsTold) {
  fs::rename(at("root/a"), at("root/q"));
  write("root/q/b/file");
  fs::rename(at("root/q"), at("root/r"));
  EXPECT_THAT(told(), Contains("written /q/b/file"));
  fs::create_directories(at("root/c/p"));
  told();
  fs::rename(at("root/c/p"), at("root/c/q"));
  write("root/c/q/file");
  fs::rename(at("root/c"), at("root/c2"));
  EXPECT_THAT(told(), Contains("written /c/q/file"));
  write("root/c2/q/late");
  EXPECT_THAT(told(), Contains("written /c2/q/late"));
}

// All of it before anything is read.
TEST_F(FolderWatchTest, AFolderThatGoesOutAndComesBackElsewhereIsWatchedThere) {
  fs::rename(at("root/a"), at("elsewhere/a"));
  fs::rename(at("elsewhere/a"), at("root/a2"));
  EXPECT_THAT(told(), ElementsAre("renamed /a -> -/", "renamed - -> /a2/"));
  write("root/a2/b/file");
  EXPECT_THAT(told(), Contains("written /a2/b/file"));
  fs::rename(at("root/a2"), at("root/left/a"));
  fs::rename(at("root/left/a"), at("root/a3"));
  told();
  write("root/a3/b/file");
  EXPECT_THAT(told(), Contains("written /a3/b/file"));
  fs::rename(at("root/a3"), at("elsewhere/a"));
  fs::create_directory(at("root/new"));
  fs::rename(at("elsewhere/a"), at("root/new/a"));
  told();
  write("root/new/a/b/file");
  EXPECT_THAT(told(), Contains("written /new/a/b/file"));
}

TEST_F(FolderWatchTest, AFolderInThePlaceOfOneThatWentOutKeepsWhatIsInIt) {
  fs::create_directories(at("elsewhere/other/b"));
  fs::rename(at("root/a"), at("elsewhere/a"));
  fs::rename(at("elsewhere/other"), at("root/a"));
  fs::create_directory(at("elsewhere/a/more"));
  fs::create_directory(at("root/a/more"));
  told();
  for (const auto* folder : {"b", "more"}) {
    write(std::string("root/a/") + folder + "/file");
    EXPECT_THAT(told(), Contains(std::string("written /a/") + folder + "/file"));
  }
}

// Read late, the names lead from the inner folder to the outer one.
TEST_F(FolderWatchTest, AFolderThatComesToLieInWhatWasInItIsFound) {
  fs::create_directories(at("root/n/p"));
  told();
  fs::create_directory(at("root/n/p/x"));
  write("root/n/p/y");
  fs::rename(at("root/n"), at("root/o"));
  fs::create_directories(at("root/n/p"));
  fs::remove(at("root/o/p/x"));
  fs::rename(at("root/o"), at("root/n/p/x"));
  told();
  for (const auto* folder : {"root/n/p/x/p", "root/n/p/x", "root/n/p"}) {
    write(std::string(folder) + "/file");
    EXPECT_THAT(told(), Contains("written /" + std::string(folder).substr(5) + "/file"));
  }
}

TEST_F(FolderWatchTest, AFolderThatIsMountedInItselfIsNotLookedAtThere) {
  ASSERT_EQ(::mount(at("root/a").c_str(), at("root/a/b").c_str(), nullptr, MS_BIND, nullptr), 0);
  begin();
  write("root/a/file");
  EXPECT_THAT(told(), Contains("written /a/file"));
  EXPECT_EQ(::umount2(at("root/a/b").c_str(), MNT_DETACH), 0);
}

TEST_F(FolderWatchTest, NoLinkLeadsOutOfTheRoot) {
  fs::create_directories(at("elsewhere/usr"));
  fs::create_directory(at("root/c/usr"));
  fs::remove_all(at("root/c"));
  fs::create_directory_symlink(at("elsewhere"), at("root/c"));
  told();
  write("elsewhere/usr/unseen");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(FolderWatchTest, TwoFoldersThatChangePlacesAreKnownByTheirNewNames) {
  write("root/c/here");
  told();
  ASSERT_EQ(::renameat2(AT_FDCWD, at("root/a").c_str(), AT_FDCWD, at("root/c").c_str(), RENAME_EXCHANGE), 0);
  EXPECT_THAT(told(), UnorderedElementsAre("renamed /a -> /c/", "renamed /c -> /a/"));
  write("root/c/b/file");
  write("root/a/file");
  const auto words = told();
  EXPECT_THAT(words, Contains("written /c/b/file"));
  EXPECT_THAT(words, Contains("written /a/file"));
}

// Deeper than this process may have files open.
TEST_F(FolderWatchTest, DeepFoldersAreWatched) {
  std::string deep = "root/d";
  for (int depth = 0; depth < 300; ++depth)
    deep += "/d";
  fs::create_directories(at(deep));
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  auto few = usual;
  few.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  told();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  write(deep + "/file");
  EXPECT_THAT(told(), Contains("written /" + deep.substr(5) + "/file"));
}

TEST_F(FolderWatchTest, AQueueThatIsFullIsToldAndEverythingIsWatchedAnew) {
  int most = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
  ASSERT_GT(most, 0);
  for (int number = 0; number <= most / 2; ++number) // at least two words each
    write("root/c/" + std::to_string(number));
  fs::create_directories(at("root/unheard/of"));
  EXPECT_THAT(told(), Contains("overflow -"));
  write("root/unheard/of/file");
  EXPECT_THAT(told(), Contains("written /unheard/of/file"));
}

TEST_F(FolderWatchTest, ARootThatIsNotThereIsAnError) {
  const auto opened = FolderWatch::open({at("root"), at("nothing")}, {});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, testing::HasSubstr(at("nothing")));
}

} // namespace
} // namespace tandem::system
