// What differs although nothing was told of it: content is compared by its digest, beside the stream.
#include "live_world.hpp"

#include <atomic>
#include <thread>

namespace tandem::replication::live {

namespace {

class LiveVerify : public Live {
protected:
  void SetUp() override {
    Live::SetUp();
    for (int file = 0; file < 30; ++file)
      write(at(fmt::format("one/{}", file)), std::string(static_cast<std::size_t>(file), 'x'));
    fs::create_directories(at("two/deep/er"));
    write(at("two/deep/er/large"), std::string(3'500'000, 'l'));
    write(at("two/name.left"), "left out");
    fs::create_symlink("deep", at("two/link"));
    start();
    attach({.equal = false});
    ASSERT_EQ(differs(), "");
  }

  stream::VerificationState verified(std::uint64_t rate = std::uint64_t{1} << 40U) {
    const auto number = stream->verify(rate);
    EXPECT_TRUE(number) << number.error().message;
    const auto state = stream->wait_verified(number.value_or(0), 120s);
    EXPECT_TRUE(state.verification && state.verification->number == number.value_or(0) && state.verification->done)
        << state.problem;
    return state.verification.value_or(stream::VerificationState());
  }

  // As a disk does it that forgets.
  void spoil(const std::string& path, const std::string& content) {
    const auto time = fs::last_write_time(there(path));
    write(there(path), content);
    fs::last_write_time(there(path), time);
  }
};

} // namespace

TEST_F(LiveVerify, EqualTreesAreSo) {
  const auto state = verified();
  EXPECT_EQ(state.files, 31U);
  EXPECT_EQ(state.bytes, 435U + 3'500'000U);
  EXPECT_EQ(state.differences, 0U);
  EXPECT_EQ(state.passed_over, 0U);
  EXPECT_EQ(state.problem, "");
}

TEST_F(LiveVerify, WhatDiffersIsNamedAndSentAgain) {
  spoil("one/7", "1234567");
  std::string large(3'500'000, 'l');
  large.back() = 'x';
  spoil("two/deep/er/large", large);
  fs::remove(there("one/3"));
  write(there("one/5"), "of another size");
  ASSERT_NE(differs(), "") << "nothing is told of it";
  const auto state = verified();
  EXPECT_EQ(state.differences, 4U);
  EXPECT_THAT(state.paths,
              ::testing::UnorderedElementsAre(at("one/7"), at("one/3"), at("one/5"), at("two/deep/er/large")));
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(verified().differences, 0U);
}

// They are the stream's.
TEST_F(LiveVerify, FilesThatChangeMeanwhileAreNoDifferences) {
  std::atomic<bool> enough = false;
  std::thread changes([&] {
    for (int number = 0; !enough; ++number) {
      write(at(fmt::format("one/{}", number % 30)), std::to_string(number));
      if (number % 50 == 0)
        write(at("two/deep/er/large"), std::string(3'500'000, static_cast<char>('a' + number % 26)));
      std::this_thread::sleep_for(200us);
    }
  });
  std::uint64_t files = 0;
  for (int round = 0; round < 5; ++round) {
    const auto state = verified();
    EXPECT_EQ(state.differences, 0U) << (state.paths.empty() ? "" : state.paths.front());
    files += state.files;
  }
  enough = true;
  changes.join();
  EXPECT_GT(files, 0U);
  EXPECT_EQ(differs(), "");
}

TEST_F(LiveVerify, OneAtATimeAndItCanBeEnded) {
  const auto slow = stream->verify(20'000); // some pieces are asked for at once
  ASSERT_TRUE(slow);
  const auto second = stream->verify(1'000'000);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::refused);
  write(at("one/new"), "goes on meanwhile");
  EXPECT_EQ(differs(), "");
  stream->end_verification(*slow);
  EXPECT_EQ(verified().differences, 0U);
}

} // namespace tandem::replication::live
