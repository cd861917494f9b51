#include "agent/events.hpp"
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
