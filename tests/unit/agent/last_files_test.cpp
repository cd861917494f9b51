// The order in which the last pass over the files is made ready, let go and waited for.
#include "agent/last_files.hpp"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

namespace tandem::agent {
namespace {

// What happened, in order. A held pass waits for the word.
struct Passes {
  std::mutex mutex;
  std::vector<std::string> told;
  std::counting_semaphore<8> word{0};
  bool holding = false; // guarded by mutex
  std::vector<Result<void>> outcomes;
  std::atomic<bool> at_the_latch = false;
  std::counting_semaphore<8> begun{8}; // a held pass takes one before it stands at the latch
  std::vector<std::jthread> threads;

  void tell(const std::string& line) {
    const std::lock_guard lock(mutex);
    told.push_back(line);
  }

  Result<void> pass(bool held) {
    if (held) {
      begun.acquire();
      at_the_latch = true;
      word.acquire();
      at_the_latch = false;
    }
    tell(held ? "a held pass" : "a pass at once");
    const std::lock_guard lock(mutex);
    if (outcomes.empty()) return {};
    auto outcome = outcomes.front();
    outcomes.erase(outcomes.begin());
    return outcome;
  }

  LastFiles::Job job() {
    return {.hold = [this] { set_holding(true); },
            .let_go = [this] { set_holding(false); },
            .waits = [this] { return at_the_latch.load(); },
            .start = [this](std::function<void()> work) { threads.emplace_back(std::move(work)); },
            .pass = [this](bool held) { return pass(held); },
            .progress = [this](const std::string& line) { tell(line); }};
  }

private:
  void set_holding(bool now) {
    const std::lock_guard lock(mutex);
    if (holding && !now) word.release();
    holding = now;
  }
};

using Told = std::vector<std::string>;

TEST(LastFilesTest, WhatWasMadeReadyRunsAtTheWordAndOnce) {
  Passes passes;
  LastFiles files;
  const auto job = passes.job();
  files.make_ready(job);
  EXPECT_EQ(passes.told, Told{}) << "it looks at no file before the word";
  LastFiles::go(job);
  ASSERT_TRUE(files.finish(job));
  EXPECT_EQ(passes.told, Told{"a held pass"});
}

TEST(LastFilesTest, FinishIsTheWordToo) {
  Passes passes;
  LastFiles files;
  files.make_ready(passes.job());
  ASSERT_TRUE(files.finish(passes.job()));
  EXPECT_EQ(passes.told, Told{"a held pass"});
}

TEST(LastFilesTest, WithoutOneMadeReadyItBeginsAtOnce) {
  Passes passes;
  LastFiles files;
  ASSERT_TRUE(files.finish(passes.job()));
  ASSERT_TRUE(files.finish(passes.job()));
  EXPECT_EQ(passes.told, (Told{"a pass at once", "a pass at once"}));
}

TEST(LastFilesTest, OneThatBrokeOffIsMadeUpForByASecondPass) {
  Passes passes;
  passes.outcomes = {failed("the link was cut"), Result<void>()};
  LastFiles files;
  files.make_ready(passes.job());
  ASSERT_TRUE(files.finish(passes.job()));
  EXPECT_EQ(passes.told, (Told{"a held pass", "the last files: the link was cut; once more", "a pass at once"}));
}

TEST(LastFilesTest, TheSecondPassesErrorIsTold) {
  Passes passes;
  passes.outcomes = {failed("the link was cut"), failed("the disk is full")};
  LastFiles files;
  files.make_ready(passes.job());
  const auto done = files.finish(passes.job());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "the disk is full");
}

TEST(LastFilesTest, ItIsReadyOnceItWaitsForNothingButTheWord) {
  Passes passes;
  while (passes.begun.try_acquire()) {
  }
  LastFiles files;
  const auto job = passes.job();
  files.make_ready(job);
  int asked = 0;
  const auto ready = files.wait_ready(job, [&] { return ++asked == 3; });
  ASSERT_FALSE(ready) << "another comparison has the files";
  EXPECT_EQ(ready.error().kind, ErrorKind::refused);
  passes.begun.release();
  EXPECT_TRUE(files.wait_ready(job, [] { return false; }));
  ASSERT_TRUE(files.finish(job));
}

TEST(LastFilesTest, OneThatBrokeOffIsWaitedForNoLonger) {
  Passes passes;
  passes.outcomes = {failed("the link was cut")};
  LastFiles files;
  const auto job = passes.job();
  files.make_ready(job);
  passes.word.release();
  EXPECT_TRUE(files.wait_ready(job, [] { return false; }));
  LastFiles::go(job);
  ASSERT_TRUE(files.finish(job));
}

// A switchover that was given up left it; visitors come through, and it is of use all the same.
TEST(LastFilesTest, OneThatWasNeverUsedIsLetRunBeforeTheNext) {
  Passes passes;
  LastFiles files;
  files.make_ready(passes.job());
  files.make_ready(passes.job());
  EXPECT_EQ(passes.told, Told{"a held pass"});
  ASSERT_TRUE(files.finish(passes.job()));
  EXPECT_EQ(passes.told, (Told{"a held pass", "a held pass"}));
}

} // namespace
} // namespace tandem::agent
