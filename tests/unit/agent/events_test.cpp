#include "agent/events.hpp"
#include "agent/kept_files.hpp"
#include "agent/survey.hpp"
#include "fakes/server.hpp"

#include <gmock/gmock.h>

namespace tandem::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EventsTest : public ::testing::Test {
protected:
  EventsTest() { server_.files.put_folder("/var/lib/tandem"); }

  fakes::Server server_;
  Events events_{server_.files, "/var/lib/tandem"};
};

TEST_F(EventsTest, ThereAreNoneAtFirst) {
  const auto list = events_.list();
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->empty());
}

TEST_F(EventsTest, WorkThatIsDoneAgainTellsItOnce) {
  ASSERT_TRUE(events_.add("now", "WAL of its own", {"/kept/wal"}));
  ASSERT_TRUE(events_.add("later", "WAL of its own", {"/kept/wal"}));
  const auto list = events_.list();
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front(), (Event{.number = 1, .time = "now", .text = "WAL of its own", .paths = {"/kept/wal"}}));
}

TEST_F(EventsTest, AcknowledgedItIsRemovedWithWhatWasKeptAndItsNumberIsNotUsedAgain) {
  server_.files.put_folder("/kept");
  server_.files.put("/kept/file", "its own");
  ASSERT_TRUE(events_.add("now", "files of its own", {"/kept"}));
  ASSERT_TRUE(events_.acknowledge(1));
  EXPECT_FALSE(server_.files.entries().contains("/kept/file"));
  EXPECT_EQ(events_.acknowledge(1).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(events_.add("later", "others", {"/other"}));
  EXPECT_EQ(events_.list()->front().number, 2U);
}

TEST_F(EventsTest, PlainFilesAreNamedWithTheirSizes) {
  server_.files.put_folder("/kept");
  server_.files.put_folder("/kept/media");
  server_.files.put("/kept/media/photo.jpg", "12345");
  server_.files.put("/kept/robots.txt", "1");
  const auto place = look_into(server_.files, "/kept", 1);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->kind, KeptPlace::Kind::files);
  EXPECT_EQ(place->files, 2U);
  EXPECT_EQ(place->bytes, 6U);
  ASSERT_EQ(place->first.size(), 1U) << "no more than asked for";
  EXPECT_EQ(place->first[0].path, "media/photo.jpg");
  EXPECT_EQ(place->first[0].size, 5U);
}

TEST_F(EventsTest, WalAndDataFoldersAreKnownAsSuch) {
  for (const auto* folder : {"/wal", "/data", "/both"})
    server_.files.put_folder(folder);
  server_.files.put("/wal/000000010000000000000003", "x");
  server_.files.put("/wal/00000002.history", "x");
  server_.files.put("/wal/000000010000000000000004.partial", "x");
  server_.files.put("/data/PG_VERSION", "15");
  server_.files.put("/both/000000010000000000000003", "x");
  server_.files.put("/both/000000010000000000000003.txt", "x");
  EXPECT_EQ(look_into(server_.files, "/wal", 9)->kind, KeptPlace::Kind::wal);
  const auto data = look_into(server_.files, "/data", 9);
  EXPECT_EQ(data->kind, KeptPlace::Kind::database);
  EXPECT_TRUE(data->first.empty()) << "thousands of numbers";
  EXPECT_EQ(look_into(server_.files, "/both", 9)->kind, KeptPlace::Kind::files);
  EXPECT_EQ(look_into(server_.files, "/nowhere", 9)->kind, KeptPlace::Kind::gone);
}

TEST_F(EventsTest, AFileThatIsNoneIsAnErrorAndStaysAsItIs) {
  server_.files.put("/var/lib/tandem/events.json", "nonsense");
  EXPECT_FALSE(events_.list());
  EXPECT_FALSE(events_.add("now", "something", {"/kept"}));
  EXPECT_EQ(server_.files.content("/var/lib/tandem/events.json"), "nonsense");
}

TEST(SurveyTest, SaysWhatTheStandbyHasAndWhatMayBeLost) {
  const Survey survey{
      .wal = "0/3084DB0", .committed_to = "2026-11-25T19:02:44.804Z", .files_to = "2026-11-25T19:02:44Z"};
  EXPECT_EQ(
      told(survey, "duo", "uno"),
      "duo has the database up to WAL position 0/3084DB0, the last transaction of 2026-11-25T19:02:44.804Z, and the "
      "files complete to 2026-11-25T19:02:44Z.\nWhat was acknowledged on uno after that may be lost; it is kept and "
      "listed when uno comes back.");
}

TEST(SurveyTest, WhatIsNotKnownIsNotSaid) {
  const auto text = told({}, "duo", "uno");
  EXPECT_THAT(text, HasSubstr("files that were never compared with those of uno"));
  EXPECT_THAT(text, Not(HasSubstr("WAL")));
}

} // namespace
} // namespace tandem::agent
