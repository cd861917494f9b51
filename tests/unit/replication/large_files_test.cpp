// Large files, from the one end that reads them to the other, which writes them on a thread of its own.
#include "replication/files/incoming_files.hpp"
#include "replication/files/outgoing_file.hpp"
#include "system/compression.hpp"
#include "system/node.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>

namespace tandem::replication::stream {
namespace {

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (auto& byte : text)
    byte = static_cast<char>(random());
  return text;
}

system::Descriptor unnamed(const std::string& content = {}) {
  system::Descriptor file(::open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  EXPECT_TRUE(system::write_piece(file.get(), 0, content));
  return file;
}

Piece piece_of(std::uint64_t transfer, std::uint64_t offset, const std::string& bytes) {
  return {.transfer = transfer, .offset = offset, .bytes = bytes};
}

system::Sum sum_of(const std::string& content) {
  system::ContentSum sum;
  sum.add(content);
  return sum.sum();
}

// All that it says until it has dealt with so many bytes of pieces.
std::uint64_t wait_for_all(IncomingFiles& incoming, std::uint64_t bytes) {
  std::uint64_t all = 0;
  while (all < bytes) {
    system::wait_for({{.descriptor = incoming.descriptor()}}, std::chrono::minutes(1));
    const auto said = incoming.take_said();
    if (said.empty()) break;
    for (const auto& message : said)
      all += std::get<Took>(message).bytes;
  }
  return all;
}

struct Sent {
  std::uint64_t bytes = 0; // in pieces
  Result<void> done;
  std::string content; // there, then
  bool wants_whole = false;
  int bad_words = 0; // of the receiver
};

// `in_between`: once the sums have been said.
Sent send_over(const std::string& old, const std::string& content,
               const std::function<void(int old)>& in_between = {}) {
  IncomingFiles incoming;
  auto old_file = old.empty() ? system::Descriptor() : unnamed(old);
  const int old_number = old_file.get();
  const auto handle = incoming.begin(1, unnamed(), std::move(old_file), old.size()).value();
  auto source = unnamed(content);
  auto node = system::look_at(source.get()).value();
  OutgoingFile outgoing(1, std::move(source), std::move(node), !old.empty());
  Sent sent;
  const auto hear = [&] {
    for (const auto& message : incoming.take_said()) {
      const auto* took = std::get_if<Took>(&message);
      if (took != nullptr) sent.bad_words += outgoing.take(*took) ? 0 : 1;
      const auto* sums = std::get_if<Sums>(&message);
      if (sums == nullptr) continue;
      outgoing.take(*sums);
      if (sums->last && in_between) in_between(old_number);
    }
  };
  while (!outgoing.may_go_on(true) || !outgoing.is_read()) {
    if (!outgoing.may_go_on(true)) system::wait_for({{.descriptor = incoming.descriptor()}}, std::chrono::minutes(1));
    hear();
    if (!outgoing.may_go_on(true)) continue;
    const auto piece = outgoing.next();
    EXPECT_TRUE(piece);
    if (!piece || !*piece) continue;
    sent.bytes += (*piece)->bytes.size();
    EXPECT_TRUE(incoming.take(handle, **piece));
  }
  sent.done = incoming.finish(handle, outgoing.sum());
  sent.wants_whole = IncomingFiles::wants_whole(*handle);
  sent.content = system::read_piece(handle->target.get(), 0, content.size() + 1).value();
  return sent;
}

TEST(LargeFiles, OfWhatIsThereInPartTheRestIsSent) {
  const auto old = random_bytes(5'000'000, 1);
  const auto content = old.substr(0, 2'000'000) + random_bytes(10'000, 2) + old.substr(2'000'000);
  const auto sent = send_over(old, content);
  ASSERT_TRUE(sent.done) << sent.done.error().message;
  EXPECT_TRUE(sent.content == content);
  EXPECT_LT(sent.bytes, 30'000U);
  EXPECT_EQ(sent.bad_words, 0);
}

TEST(LargeFiles, StretchForStretch) {
  const auto old = random_bytes(40'000'000, 1);
  auto content = old;
  content[39'000'000] = static_cast<char>(content[39'000'000] + 1);
  auto sent = send_over(old, content);
  ASSERT_TRUE(sent.done) << sent.done.error().message;
  EXPECT_TRUE(sent.content == content);
  EXPECT_LT(sent.bytes, 10'000U);
  content.insert(100, "moved");
  sent = send_over(old, content);
  ASSERT_TRUE(sent.done) << sent.done.error().message;
  EXPECT_TRUE(sent.content == content);
  EXPECT_LT(sent.bytes, 50'000U);
  // Where a stretch and the file have one end.
  const auto even = std::string(std::size_t{32} << 20U, 'z');
  sent = send_over(even, even);
  ASSERT_TRUE(sent.done) << sent.done.error().message;
  EXPECT_LT(sent.bytes, 100'000U) << "a word for each block, which are all alike";
}

TEST(LargeFiles, WhatIsNotThereIsSentWhole) {
  const auto content = random_bytes(3'000'000, 1);
  const auto sent = send_over("", content);
  ASSERT_TRUE(sent.done);
  EXPECT_TRUE(sent.content == content);
  EXPECT_EQ(sent.bytes, content.size());
}

TEST(LargeFiles, WhatBecomesSmallerIsSentSmaller) {
  const auto content = random_bytes(1'000'000, 1) + std::string(20'000'000, 'x') + random_bytes(1'000'000, 2);
  const auto sent = send_over("", content);
  ASSERT_TRUE(sent.done);
  EXPECT_TRUE(sent.content == content);
  EXPECT_LT(sent.bytes, 12'000'000U) << "64 pieces at the most until that is seen";
}

TEST(LargeFiles, IfTheOldContentIsAnotherByThenItIsWantedWhole) {
  const auto old = random_bytes(3'000'000, 1);
  const auto sent =
      send_over(old, old + "new", [](int file) { ASSERT_TRUE(system::write_piece(file, 1'000'000, "other")); });
  EXPECT_FALSE(sent.done);
  EXPECT_TRUE(sent.wants_whole);
  const auto shorter = send_over(old, old + "new", [](int file) { ASSERT_EQ(::ftruncate(file, 1000), 0); });
  EXPECT_FALSE(shorter.done);
  EXPECT_TRUE(shorter.wants_whole);
}

TEST(LargeFiles, SumsThatAreOfNoUseAreNone) {
  auto source = unnamed("content");
  auto node = system::look_at(source.get()).value();
  OutgoingFile outgoing(1, std::move(source), std::move(node), true);
  EXPECT_FALSE(outgoing.may_go_on(true));
  outgoing.take(Sums{.transfer = 1, .bytes = "nonsense"});
  EXPECT_TRUE(outgoing.may_go_on(true));
  outgoing.take(Sums{.transfer = 1, .bytes = "more", .last = true});
  const auto piece = outgoing.next();
  ASSERT_TRUE(piece && *piece);
  EXPECT_EQ((*piece)->bytes, "content");
  EXPECT_FALSE(outgoing.take(Took{.transfer = 1, .bytes = 100}));
  ASSERT_TRUE(outgoing.next());
  EXPECT_TRUE(outgoing.is_read());
  EXPECT_FALSE(outgoing.may_go_on(true)) << "it has not been dealt with";
  ASSERT_TRUE(outgoing.take(Took{.transfer = 1, .bytes = 7}));
  EXPECT_TRUE(outgoing.may_go_on(false)) << "its end needs no room";
}

TEST(LargeFiles, SeveralAreWrittenAndSaid) {
  IncomingFiles incoming;
  EXPECT_LT(incoming.descriptor(), 0);
  const auto one = incoming.begin(1, unnamed()).value();
  const auto other = incoming.begin(2, unnamed()).value();
  std::string all;
  for (int number = 0; number < 200; ++number) {
    const std::string piece(10'000, static_cast<char>('a' + number % 26));
    ASSERT_TRUE(incoming.take(one, piece_of(1, all.size(), piece)));
    ASSERT_TRUE(incoming.take(other, piece_of(2, all.size(), piece)));
    all += piece;
  }
  ASSERT_TRUE(incoming.finish(one, sum_of(all)));
  ASSERT_TRUE(incoming.finish(other, sum_of(all)));
  EXPECT_EQ(system::read_piece(one->target.get(), 0, all.size() + 1).value(), all);
  EXPECT_EQ(wait_for_all(incoming, 2 * all.size()), 2 * all.size());
  EXPECT_TRUE(incoming.take_said().empty());
}

TEST(LargeFiles, OneThatCannotBeWrittenIsSaidAndKeepsNoOther) {
  IncomingFiles incoming;
  const auto broken = incoming.begin(1, system::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))).value();
  const auto good = incoming.begin(2, unnamed()).value();
  ASSERT_TRUE(incoming.take(broken, piece_of(1, 0, "lost")));
  ASSERT_TRUE(incoming.take(good, piece_of(2, 0, "kept")));
  EXPECT_FALSE(incoming.finish(broken, sum_of("lost")));
  EXPECT_FALSE(incoming.take(broken, piece_of(1, 4, "more")));
  EXPECT_FALSE(IncomingFiles::wants_whole(*broken));
  ASSERT_TRUE(incoming.finish(good, sum_of("kept")));
  EXPECT_EQ(system::read_piece(good->target.get(), 0, 10).value(), "kept");
  EXPECT_EQ(wait_for_all(incoming, 8), 8U) << "what was refused was dealt with, too";
}

TEST(LargeFiles, WhatDoesNotMakeWhatWasSentIsSaid) {
  IncomingFiles incoming;
  const auto fails_with = [&](const Piece& piece, const std::string& content) {
    const auto file = incoming.begin(1, unnamed()).value();
    EXPECT_TRUE(incoming.take(file, piece));
    EXPECT_FALSE(incoming.finish(file, sum_of(content)));
    EXPECT_TRUE(IncomingFiles::wants_whole(*file));
  };
  fails_with(piece_of(1, 0, "content"), "another");
  fails_with(piece_of(1, 1, "content"), "content");
  fails_with({.transfer = 1, .bytes = "content", .packed = true}, "content");
  fails_with({.transfer = 1, .bytes = "content", .delta = true}, "content");
}

TEST(LargeFiles, EndsWithWhateverWaits) {
  IncomingFiles incoming;
  const auto file = incoming.begin(1, unnamed(), unnamed(std::string(10'000'000, 'x')), 10'000'000).value();
  for (std::uint64_t number = 0; number < 100; ++number)
    ASSERT_TRUE(incoming.take(file, piece_of(1, number * 100'000, std::string(100'000, 'x'))));
}

TEST(LargeFiles, OneThatIsDroppedIsNotWritten) {
  IncomingFiles incoming;
  const auto file = incoming.begin(1, unnamed()).value();
  incoming.drop(file);
  ASSERT_TRUE(incoming.take(file, piece_of(1, 0, "dropped")));
  EXPECT_EQ(wait_for_all(incoming, 7), 7U);
  EXPECT_EQ(system::read_piece(file->target.get(), 0, 10).value(), "");
}

} // namespace
} // namespace tandem::replication::stream
