// What is new in a file, and the file made out of that and the old one, by librsync; and bytes made smaller.
#include "system/compression.hpp"
#include "system/content_sum.hpp"
#include "system/delta.hpp"
#include "system/node.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>

namespace tandem::system {
namespace {

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (auto& byte : text)
    byte = static_cast<char>(random());
  return text;
}

Descriptor file_of(const std::string& content) {
  Descriptor file(::open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  EXPECT_TRUE(write_piece(file.get(), 0, content));
  return file;
}

// All that comes out of it, `at_once` bytes put in at a time.
Result<std::string> all_of(DeltaJob& job, const std::string& in, std::size_t at_once, bool with_end) {
  std::string all;
  for (std::size_t at = 0; !job.is_done(); at += at_once) {
    const bool last = at >= in.size();
    if (last && !with_end) break;
    job.give(last ? "" : in.substr(at, at_once), last);
    for (;;) {
      TANDEM_TRY(const auto out, job.next());
      EXPECT_LE(out.size(), DeltaJob::step);
      if (out.empty()) break;
      all += out;
    }
    if (last) break;
  }
  return all;
}

Result<std::string> sums_of(const std::string& content, std::size_t at_once) {
  TANDEM_TRY(auto job, DeltaJob::sum_up(content.size()));
  return all_of(job, content, at_once, true);
}

Result<std::string> delta_between(const std::string& old, const std::string& content, std::size_t at_once) {
  TANDEM_TRY(const auto sums, sums_of(old, at_once));
  TANDEM_TRY(auto taken, DeltaSums::begin());
  for (std::size_t at = 0; at < sums.size(); at += 1000)
    TANDEM_CHECK(taken.take(sums.substr(at, 1000)));
  TANDEM_TRY(auto all, taken.finish());
  TANDEM_TRY(auto job, DeltaJob::compare(std::move(all)));
  return all_of(job, content, at_once, true);
}

// What is new in `content`; and that it becomes the content.
std::string checked_delta(const std::string& old, const std::string& content, std::size_t at_once = 100'000) {
  const auto delta = delta_between(old, content, at_once);
  EXPECT_TRUE(delta) << delta.error().message;
  if (!delta) return {};
  const auto file = file_of(old);
  auto job = DeltaJob::rebuild(file.get());
  EXPECT_TRUE(job);
  EXPECT_EQ(all_of(*job, *delta, at_once, false).value() == content, true);
  EXPECT_TRUE(job->is_done());
  return *delta;
}

TEST(Delta, IsAsLargeAsWhatIsNew) {
  const auto old = noise(3'000'000, 1);
  const auto more = noise(50'000, 2);
  EXPECT_LT(checked_delta(old, old).size(), 100U);
  EXPECT_LT(checked_delta(old, old + more).size(), 60'000U);
  EXPECT_LT(checked_delta(old, more + old).size(), 60'000U);
  EXPECT_LT(checked_delta(old, old.substr(0, 1'000'001) + more + old.substr(1'000'001)).size(), 60'000U);
  EXPECT_LT(checked_delta(old, old.substr(1'500'000) + old.substr(0, 1'500'000)).size(), 20'000U);
  EXPECT_LT(checked_delta(old, old.substr(7, 2'000'000)).size(), 10'000U);
}

TEST(Delta, OfContentThatHasNothingOfTheOldIsTheContent) {
  const auto old = noise(1'000'000, 1);
  EXPECT_GT(checked_delta(old, noise(1'000'000, 2)).size(), 1'000'000U);
  EXPECT_LT(checked_delta(old, "").size(), 100U);
  EXPECT_GT(checked_delta("", noise(500'000, 3)).size(), 500'000U);
}

TEST(Delta, IsTheSameInWhateverPiecesItComes) {
  const auto old = noise(200'000, 1);
  const auto content = old.substr(0, 90'000) + noise(10'000, 2) + old.substr(90'000);
  for (const std::size_t at_once : {7U, 4096U, 1'000'000U})
    EXPECT_LT(checked_delta(old, content, at_once).size(), 20'000U);
}

TEST(Delta, SumsOfALargeFileAreBoundedBySize) {
  // Of 40 GB, of which there is not a byte: the head says how long a block is.
  auto job = DeltaJob::sum_up(std::uint64_t{40} << 30U);
  ASSERT_TRUE(job);
  const auto head = all_of(*job, "", 1, true).value();
  ASSERT_EQ(head.size(), 12U);
  std::uint32_t block = 0;
  for (const auto byte : head.substr(4, 4))
    block = block << 8U | static_cast<unsigned char>(byte);
  EXPECT_GE(block, (std::uint64_t{40} << 30U) / (64U << 10U));
  EXPECT_FALSE(DeltaJob::sum_up(std::uint64_t{1} << 50U)) << "blocks would be too long to be held in memory";
}

TEST(Delta, WhatIsCutShortOrBrokenIsAnErrorAtTheWorst) {
  const auto old = noise(300'000, 1);
  const auto delta = delta_between(old, old + "new", 100'000).value();
  const auto file = file_of(old);
  for (std::size_t size = 0; size < delta.size(); ++size) {
    auto job = DeltaJob::rebuild(file.get()).value();
    static_cast<void>(all_of(job, delta.substr(0, size), 100'000, false));
    EXPECT_FALSE(job.is_done()) << size;
  }
  for (unsigned seed = 0; seed < 300; ++seed) {
    auto job = DeltaJob::rebuild(file.get()).value();
    auto broken = delta;
    broken[seed % broken.size()] = static_cast<char>(seed * 7 + 1);
    auto out = all_of(job, broken, 100'000, false);
    static_cast<void>(out);
  }
  for (const auto& sums : {std::string("x"), noise(1000, 5), std::string(12, '\0')}) {
    auto taken = DeltaSums::begin().value();
    EXPECT_FALSE(taken.take(sums));
  }
  auto none = DeltaSums::begin().value();
  EXPECT_FALSE(none.finish());
}

TEST(Delta, MoreSumsThanThereCanBeAreRefused) {
  auto sums = sums_of(noise(300'000, 1), 100'000).value();
  auto taken = DeltaSums::begin().value();
  Result<void> done;
  std::size_t bytes = 0;
  for (; done && bytes < 20'000'000; bytes += sums.size())
    done = taken.take(sums);
  EXPECT_FALSE(done);
  EXPECT_LT(bytes, 10'000'000U);
}

TEST(Compression, BytesComeBackAsTheyWere) {
  for (const auto& bytes : {std::string(), std::string(100'000, 'x'), noise(100'000, 4)}) {
    const auto packed = pack(bytes);
    EXPECT_EQ(unpack(packed, 100'000).value() == bytes, true);
  }
  EXPECT_LT(pack(std::string(100'000, 'x')).size(), 1000U);
}

TEST(Compression, WhatIsBrokenOrBecomesTooMuchIsAnError) {
  const auto packed = pack(std::string(100'000, 'x'));
  EXPECT_FALSE(unpack(packed, 99'999));
  EXPECT_FALSE(unpack(packed.substr(0, packed.size() - 1), 100'000));
  EXPECT_FALSE(unpack("no such bytes", 100'000));
  EXPECT_FALSE(unpack("", 100'000));
  EXPECT_FALSE(unpack(packed + packed, 100'000)) << "bytes after its end";
}

TEST(ContentSum, IsOfTheContentInWhateverPieces) {
  ContentSum one;
  ContentSum other;
  const auto bytes = noise(10'000, 6);
  one.add(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 77)
    other.add(std::string_view(bytes).substr(at, 77));
  EXPECT_EQ(one.sum(), other.sum());
  other.add("x");
  EXPECT_NE(one.sum(), other.sum());
}

} // namespace
} // namespace tandem::system
