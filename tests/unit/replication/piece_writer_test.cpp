// Pieces of large files, written on a thread of their own.
#include "replication/files/piece_writer.hpp"
#include "system/node.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace tandem::replication::stream {
namespace {

std::shared_ptr<PieceWriter::File> a_file(int flags = O_RDWR | O_TMPFILE) {
  const bool made = (flags & O_TMPFILE) == O_TMPFILE;
  system::Descriptor file(::open(made ? "/var/tmp" : "/dev/null", flags | O_CLOEXEC, 0600));
  EXPECT_TRUE(file);
  return std::make_shared<PieceWriter::File>(PieceWriter::File{.descriptor = std::move(file)});
}

// All that it says until nothing is left of `bytes`.
std::uint64_t wait_for_all(PieceWriter& writer, std::uint64_t bytes) {
  std::uint64_t all = 0;
  while (all < bytes) {
    system::wait_for({{.descriptor = writer.descriptor()}}, std::chrono::minutes(1));
    const auto some = writer.take_written();
    if (some == 0) break;
    all += some;
  }
  return all;
}

TEST(PieceWriter, WritesWhatItIsGivenAndSaysSo) {
  PieceWriter writer;
  EXPECT_LT(writer.descriptor(), 0);
  const auto one = a_file();
  const auto other = a_file();
  std::string all;
  for (int number = 0; number < 200; ++number) {
    const std::string piece(10'000, static_cast<char>('a' + number % 26));
    ASSERT_TRUE(writer.write(one, all.size(), piece));
    ASSERT_TRUE(writer.write(other, 0, piece));
    all += piece;
  }
  ASSERT_TRUE(writer.finish(one));
  ASSERT_TRUE(writer.finish(other));
  EXPECT_EQ(system::read_piece(one->descriptor.get(), 0, all.size() + 1).value(), all);
  EXPECT_EQ(system::read_piece(other->descriptor.get(), 0, 10'001).value(), all.substr(all.size() - 10'000));
  EXPECT_EQ(wait_for_all(writer, 2 * all.size()), 2 * all.size());
  EXPECT_EQ(writer.take_written(), 0U);
}

TEST(PieceWriter, AFileThatCannotBeWrittenIsSaidAndKeepsNoOther) {
  PieceWriter writer;
  const auto broken = a_file(O_RDONLY);
  const auto good = a_file();
  ASSERT_TRUE(writer.write(broken, 0, "lost"));
  ASSERT_TRUE(writer.write(good, 0, "kept"));
  EXPECT_FALSE(writer.finish(broken));
  EXPECT_FALSE(writer.write(broken, 4, "more"));
  ASSERT_TRUE(writer.finish(good));
  EXPECT_EQ(system::read_piece(good->descriptor.get(), 0, 10).value(), "kept");
  EXPECT_EQ(wait_for_all(writer, 8), 8U) << "what was refused was dealt with, too";
}

TEST(PieceWriter, EndsWithWhateverWaits) {
  PieceWriter writer;
  const auto file = a_file();
  for (int number = 0; number < 100; ++number)
    ASSERT_TRUE(writer.write(file, 0, std::string(100'000, 'x')));
}

} // namespace
} // namespace tandem::replication::stream
