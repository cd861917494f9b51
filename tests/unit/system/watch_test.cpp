// Which of the two ways a file system is watched by.
#include "system/watch.hpp"

#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace tandem::system {
namespace {

namespace fs = std::filesystem;

class WatchTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = "/var/tmp/tandem-watch-XXXXXX";
    base = ::mkdtemp(pattern.data());
    for (const auto* folder : {"plain", "merged", "lower/below", "upper", "work"})
      fs::create_directories(at(folder));
  }

  void TearDown() override {
    ::umount2(at("merged").c_str(), MNT_DETACH);
    fs::remove_all(base);
  }

  [[nodiscard]] std::string at(const std::string& path) const { return base + "/" + path; }

  // Paths of what was written since. A mark tells of what other tests do on this file system as well.
  static std::vector<std::string> written(Watch& watch) {
    std::vector<std::string> paths;
    for (bool more = true; more;) {
      const auto changes = watch.read(more);
      EXPECT_TRUE(changes) << changes.error().message;
      if (!changes) break;
      for (const auto& one : *changes) {
        if (one.kind == ChangeKind::written && !one.gone) paths.push_back(one.path);
      }
    }
    return paths;
  }

  std::string base;
};

TEST_F(WatchTest, AFileSystemIsMarkedAsAWholeWhereThatIsPossible) {
  auto watch = Watch::open({at("plain")});
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_THAT(watch->watched_by_name(), testing::IsEmpty());
  std::ofstream(at("plain/file")) << "x";
  EXPECT_THAT(written(*watch), testing::ElementsAre(at("plain/file")));
}

TEST_F(WatchTest, EachFolderIsWatchedOfAFileSystemWithoutHandles) {
  const auto options =
      "lowerdir=" + at("lower") + ",upperdir=" + at("upper") + ",workdir=" + at("work") + ",nfs_export=off";
  ASSERT_EQ(::mount("none", at("merged").c_str(), "overlay", 0, options.c_str()), 0) << std::strerror(errno);
  auto watch = Watch::open({at("merged"), at("plain")});
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_THAT(watch->watched_by_name(), testing::ElementsAre(at("merged")));
  EXPECT_THAT(watch->unwatched(), testing::IsEmpty());
  std::ofstream(at("merged/below/file")) << "x";
  std::ofstream(at("plain/file")) << "x";
  EXPECT_THAT(written(*watch), testing::UnorderedElementsAre(at("merged/below/file"), at("plain/file")));
}

// As in a container.
TEST_F(WatchTest, EachFolderIsWatchedWhereMarksAreForbidden) {
  std::thread([&] {
    __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> data{}; // this thread's alone, and none of them
    ASSERT_EQ(::syscall(SYS_capset, &head, data.data()), 0);
    auto watch = Watch::open({at("plain")});
    ASSERT_TRUE(watch) << watch.error().message;
    EXPECT_THAT(watch->watched_by_name(), testing::ElementsAre(at("plain")));
    std::ofstream(at("plain/file")) << "x";
    EXPECT_THAT(written(*watch), testing::ElementsAre(at("plain/file")));
  }).join();
}

TEST_F(WatchTest, NoFolderAtAllIsAnError) {
  EXPECT_FALSE(Watch::open({}));
}

TEST_F(WatchTest, WhatCannotBeWatchedAtAllIsSaid) {
  const auto watch = Watch::open({at("nothing")}, {.each_folder = true});
  ASSERT_FALSE(watch);
  EXPECT_THAT(watch.error().message, testing::HasSubstr(at("nothing")));
}

} // namespace
} // namespace tandem::system
