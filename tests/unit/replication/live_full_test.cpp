// The standby's disk is full for a while: it is said, nothing is believed that is not there, and all is there once
// there is room.
#include "live_world.hpp"
#include "trees/torture.hpp"

#include <sys/mount.h>
#include <sys/statvfs.h>

#include <thread>

namespace tandem::replication::live {

namespace {

class LiveFull : public Live {
protected:
  // The standby's second root is on a small file system of its own.
  void SetUp() override {
    Live::SetUp();
    bounds.large_again = 1s;
    fs::create_directory(base + "/room");
    ASSERT_EQ(::mount("none", (base + "/room").c_str(), "tmpfs", 0, "size=4m,mode=0755"), 0);
    fs::create_directory(base + "/room/two");
    ASSERT_EQ(::mount((base + "/room/two").c_str(), there("two").c_str(), nullptr, MS_BIND, nullptr), 0);
  }

  void TearDown() override {
    stop();
    ::umount2(there("two").c_str(), MNT_DETACH);
    ::umount2((base + "/room").c_str(), MNT_DETACH);
    Live::TearDown();
  }

  // Takes all the room there is.
  void fill() const {
    std::ofstream file(base + "/room/filler", std::ios::binary | std::ios::app);
    while (file << std::string(4096, 'r') << std::flush) {
    }
  }

  void make_room() const { fs::remove(base + "/room/filler"); }

  void wait_for_a_problem() const {
    const auto limit = std::chrono::steady_clock::now() + 60s;
    while (stream->state().problem.empty() && std::chrono::steady_clock::now() < limit)
      std::this_thread::yield();
  }

  std::string wait_until_equal() {
    const auto limit = std::chrono::steady_clock::now() + 120s;
    auto all = differs();
    while (!all.empty() && std::chrono::steady_clock::now() < limit)
      all = differs();
    return all;
  }
};

} // namespace

TEST_F(LiveFull, ItIsSaidAndWhatDidNotFitComesLater) {
  start();
  attach();
  fill();
  fs::create_directories(at("two/folder/below"));
  write(at("two/folder/below/small"), std::string(20'000, 's'));
  write(at("two/large"), std::string(600'000, 'l'));
  write(at("one/elsewhere"), "there is room");
  wait_for_a_problem();
  EXPECT_THAT(stream->state().problem, ::testing::HasSubstr("No space left on device"));
  EXPECT_FALSE(stream->flush(1s));
  EXPECT_EQ(read(there("one/elsewhere")), "there is room");
  make_room();
  EXPECT_EQ(wait_until_equal(), "");
  EXPECT_EQ(stream->state().problem, "");
}

// A stream that begins on a full disk: the way through the trees finds all of it later, too.
TEST_F(LiveFull, AStandbyThatIsFullFromTheBeginningGetsAllOnceThereIsRoom) {
  for (int folder = 0; folder < 20; ++folder) {
    fs::create_directories(at(fmt::format("two/{}/below", folder)));
    for (int file = 0; file < 20; ++file)
      write(at(fmt::format("two/{}/below/{}", folder, file)), std::string(100, 'x'));
  }
  fill();
  start();
  attach({.equal = false});
  wait_for_a_problem();
  EXPECT_THAT(stream->state().problem, ::testing::HasSubstr("No space left on device"));
  make_room();
  EXPECT_EQ(wait_until_equal(), "");
}

class LiveFullTorture : public LiveFull, public ::testing::WithParamInterface<unsigned> {};

TEST_P(LiveFullTorture, EndsInEqualTrees) {
  trees::Torture torture(base + "/primary", GetParam());
  start();
  attach();
  for (int round = 0; round < 3; ++round) {
    for (int change = 0; change < 100; ++change)
      torture.one();
    fill();
    for (int change = 0; change < 200; ++change)
      torture.one();
    make_room();
    ASSERT_EQ(wait_until_equal(), "") << "seed " << GetParam() << ", round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LiveFullTorture, ::testing::Range(1U, 1 + trees::seeds(3)));

} // namespace tandem::replication::live
