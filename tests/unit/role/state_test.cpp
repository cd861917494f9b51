#include "journal/state_file.hpp"
#include "role/message.hpp"
#include "role/state.hpp"
#include "simulation/memory_files.hpp"

#include <gtest/gtest.h>

namespace tandem::role {
namespace {

Kept full_kept() {
  auto kept = first_kept(4, "uno", {4, "uno", "tandem init", "2024-05-04 03:02:01 UTC", "0/3000060"});
  kept.granting = true;
  kept.refused = {5, 9};
  kept.promised = {{"duo", 8}, {"tre", 11}};
  kept.conflict = "duo";
  kept.incarnation = 17;
  kept.in_sync = {"duo", "uno"};
  kept.latest_run = "5-uno-1";
  return kept;
}

TEST(Kept, IsReadAsItWasWritten) {
  EXPECT_EQ(*decode_kept(kept_version, encode(full_kept())), full_kept());
  EXPECT_EQ(*decode_kept(kept_version, encode(Kept{})), Kept{});
}

TEST(Kept, NamesTheFieldThatIsWrong) {
  const auto kept = decode_kept(kept_version, R"({"epoch":"four"})");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().message, "role state: \"epoch\" is missing or has the wrong type");
}

TEST(Kept, OfAnUnknownVersionIsRefused) {
  EXPECT_EQ(decode_kept(kept_version + 1, encode(full_kept())).error().kind, ErrorKind::invalid);
}

TEST(Kept, RefusesAnEpochThatCannotGrow) {
  auto kept = full_kept();
  kept.epoch = UINT64_MAX;
  EXPECT_FALSE(decode_kept(kept_version, encode(kept)));
}

TEST(Kept, GivesNoEpochTwice) {
  auto kept = first_kept(4, "uno", {});
  EXPECT_EQ(next_epoch(kept), 5U);
  kept.refused = {5};
  EXPECT_EQ(next_epoch(kept), 7U) << "the asker may have gone on at 6";
  kept.promised = {{"duo", 9}, {"tre", 8}};
  EXPECT_EQ(next_epoch(kept), 10U);
}

TEST(Message, IsReadAsItWasWritten) {
  const Message message{MessageKind::grant, "uno", "duo", 3, 5, 8, "duo", true, 8, {"uno"}};
  EXPECT_EQ(*decode_message(encode(message)), message);
}

TEST(Message, CutAtEveryByteIsAnError) {
  const auto text = encode(Message{MessageKind::hello, "uno", "duo", 3, 0, 8, "duo", true, 0, {"uno"}});
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(decode_message(text.substr(0, length))) << length;
}

TEST(Message, OfANewerVersionSaysSo) {
  auto text = encode(Message{});
  text.replace(text.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_EQ(decode_message(text).error().message, "role message: version 2 where 1 is known");
}

} // namespace
} // namespace tandem::role
