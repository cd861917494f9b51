#include "agent/alerts.hpp"
#include "agent/configuration.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

const WallMoment noon{std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + 12h};
const std::set<Channel> both{"mail", "command"};
const AlertSource source{.pair = "shops", .server = "uno"};

std::vector<std::string> texts(const std::vector<Alert>& alerts) {
  std::vector<std::string> list;
  for (const auto& alert : alerts)
    list.push_back(alert.text);
  return list;
}

// A server's looks, one every ten seconds, and what it has told by mail.
class Watch {
public:
  AlertBook book;
  WallMoment now = noon;
  std::vector<AlertMessage> sent;
  std::string primary = "uno";
  bool speaks = true;

  void goes_on(std::chrono::seconds time, const std::vector<std::string>& problems) {
    for (const auto end = now + time; now < end; now += 10s) {
      book.see(problems, primary, both, now);
      if (!speaks) {
        book.leave_to_others(both, now);
        continue;
      }
      for (const auto& channel : both) {
        const auto message = book.due(channel, now);
        if (message.empty()) continue;
        book.told(channel, message, now);
        if (channel == "mail") sent.push_back(message);
      }
    }
  }
};

TEST(Alerts, WhatHasStoodForAMinuteIsToldOnce) {
  Watch watch;
  watch.goes_on(60s, {"nginx does not run"});
  EXPECT_THAT(watch.sent, IsEmpty()) << "it may be about to come back";
  watch.goes_on(10min, {"nginx does not run"});
  ASSERT_EQ(watch.sent.size(), 1U);
  EXPECT_THAT(texts(watch.sent[0].begun), ElementsAre("nginx does not run"));
  EXPECT_EQ(watch.sent[0].begun[0].since, noon);
}

TEST(Alerts, AShortOneIsNotToldAndOneThatComesAndGoesIs) {
  Watch brief;
  brief.goes_on(50s, {"nginx does not run"});
  brief.goes_on(10min, {});
  EXPECT_THAT(brief.sent, IsEmpty());
  EXPECT_THAT(brief.book.all(), IsEmpty());
  Watch flapping;
  for (int i = 0; i < 5; ++i) {
    flapping.goes_on(20s, {"nginx does not run"});
    flapping.goes_on(20s, {});
  }
  EXPECT_EQ(flapping.sent.size(), 1U);
}

TEST(Alerts, ItsEndIsToldOnceItHasBeenGoneForAMinute) {
  Watch watch;
  watch.goes_on(5min, {"nginx does not run", "the disk of / is 91 % full, 200 MB are free"});
  watch.goes_on(30s, {});
  watch.goes_on(5min, {"nginx does not run"});
  ASSERT_EQ(watch.sent.size(), 2U);
  EXPECT_THAT(texts(watch.sent[1].ended), ElementsAre("the disk of / is 91 % full, 200 MB are free"));
  EXPECT_THAT(texts(watch.sent[1].open), ElementsAre("nginx does not run"));
  watch.goes_on(5min, {});
  ASSERT_EQ(watch.sent.size(), 3U);
  EXPECT_THAT(mail_text(source, "ops@example.org", watch.sent[2]), HasSubstr("[tandem shops] all is well again"));
  EXPECT_THAT(watch.book.all(), IsEmpty());
}

TEST(Alerts, NumbersThatGrowAreNoNewProblem) {
  Watch watch;
  watch.goes_on(2min, {"the database on duo is 31 s behind"});
  watch.goes_on(2min, {"the database on duo is 95 s behind"});
  EXPECT_EQ(watch.sent.size(), 1U);
  EXPECT_EQ(watch.book.all()[0].text, "the database on duo is 95 s behind");
}

TEST(Alerts, OnlyWhatMeasuresIsLeftOut) {
  EXPECT_EQ(stable_part("the disk of / is 91.5 % full, 200 MB are free"), "the disk of / is # % full, # MB are free");
  EXPECT_EQ(stable_part("since 2026-11-27 12:30:05 UTC or before: 3 more"), "since # # UTC or before: # more");
  EXPECT_EQ(stable_part("took 12ms, (40%)"), "took # #");
  for (const auto* text :
       {"the import of order1.txt failed", "job feeds2 failed", "uno2 does not answer", "no -- dash"})
    EXPECT_EQ(stable_part(text), text);
  EXPECT_NE(stable_part("import 1795509000123-uno-7"), stable_part("import 1795509000123-uno-8"));
}

TEST(Alerts, WhatGoesOnIsToldAgainOnceADay) {
  Watch watch;
  watch.goes_on(23h, {"nginx does not run"});
  EXPECT_EQ(watch.sent.size(), 1U);
  watch.goes_on(2h, {"nginx does not run"});
  ASSERT_EQ(watch.sent.size(), 2U) << "by mail too, whatever the other way has told";
  EXPECT_TRUE(watch.sent[1].reminds);
  EXPECT_THAT(mail_text(source, "ops@example.org", watch.sent[1]), HasSubstr("still: nginx does not run"));
}

TEST(Alerts, WhatComesWithinAMinuteIsToldTogether) {
  Watch watch;
  watch.goes_on(20s, {"one"});
  watch.goes_on(20s, {"one", "two"});
  watch.goes_on(5min, {"one", "two", "three"});
  ASSERT_EQ(watch.sent.size(), 2U) << "the first, and the others together";
  EXPECT_THAT(texts(watch.sent[1].begun), ElementsAre("three", "two"));
}

TEST(Alerts, WhatCannotBeSentIsDueUntilItIs) {
  AlertBook book;
  for (auto now = noon; now <= noon + 60s; now += 10s)
    book.see({"nginx does not run"}, "uno", both, now);
  book.told("command", book.due("command", noon + 60s), noon + 60s);
  book.see({"nginx does not run"}, "uno", both, noon + 1h);
  EXPECT_FALSE(book.due("mail", noon + 1h).empty());
  EXPECT_TRUE(book.due("command", noon + 1h).empty());
}

TEST(Alerts, OneThatTakesOverTellsWhatTheOtherDidNotComeToAndNothingTwice) {
  Watch standby;
  standby.speaks = false;
  standby.goes_on(5min, {"the disk of / is 91 % full, 200 MB are free"});
  standby.goes_on(30s, {"the disk of / is 91 % full, 200 MB are free", "late"});
  standby.speaks = true; // the primary is gone
  standby.goes_on(5min, {"the disk of / is 91 % full, 200 MB are free", "late", "uno does not answer"});
  std::set<std::string> told;
  for (const auto& message : standby.sent)
    for (const auto& text : texts(message.begun))
      EXPECT_TRUE(told.insert(text).second) << text;
  EXPECT_EQ(told, (std::set<std::string>{"late", "uno does not answer"}));
  standby.goes_on(5min, {});
  EXPECT_EQ(standby.sent.back().ended.size(), 3U) << "what the other told of is over, too";
}

TEST(Alerts, ANewPrimaryIsANoticeThatIsToldOnce) {
  Watch watch;
  watch.goes_on(30s, {});
  watch.primary = "duo";
  watch.goes_on(10min, {});
  ASSERT_EQ(watch.sent.size(), 1U);
  EXPECT_THAT(texts(watch.sent[0].begun), ElementsAre("duo is the primary now; uno was it before"));
  EXPECT_THAT(alert_json(source, watch.sent[0])["notices"].size(), 1U);
  EXPECT_THAT(alert_json(source, watch.sent[0])["begun"], IsEmpty());
  EXPECT_THAT(watch.book.all(), IsEmpty());
  Watch nobody;
  nobody.primary = "";
  nobody.goes_on(1min, {});
  nobody.primary = "uno";
  nobody.goes_on(1min, {});
  EXPECT_THAT(nobody.sent, IsEmpty()) << "an agent that starts learns who it is";
}

TEST(Alerts, AWayThatIsNotWantedAnyMoreKeepsNothingOpen) {
  AlertBook book;
  for (auto now = noon; now <= noon + 60s; now += 10s)
    book.see({"x"}, "uno", both, now);
  book.told("command", book.due("command", noon + 60s), noon + 60s);
  book.see({}, "uno", {"mail"}, noon + 3min);
  EXPECT_THAT(book.all(), IsEmpty());
}

TEST(Alerts, WhatAServerThatDoesNotAnswerHadToTellHasNotEnded) {
  AlertBook book;
  book.see({"duo: the disk of / is 91 % full"}, "uno", both, noon);
  for (auto now = noon; now < noon + 2min; now += 10s)
    book.see({"duo: the disk of / is 91 % full"}, "uno", both, now);
  book.told("mail", book.due("mail", noon + 110s), noon + 110s);
  for (auto now = noon + 2min; now < noon + 10min; now += 10s) {
    book.see({"duo does not answer: timed out"}, "uno", both, now, {"duo"});
    const auto message = book.due("mail", now);
    EXPECT_THAT(message.ended, IsEmpty());
    if (!message.empty()) book.told("mail", message, now);
  }
  for (auto now = noon + 10min; now < noon + 12min; now += 10s)
    book.see({}, "uno", both, now);
  EXPECT_THAT(book.due("mail", noon + 710s).ended, ::testing::SizeIs(2));
}

TEST(Alerts, WhyAServerDoesNotAnswerIsNoProblemOfItsOwn) {
  EXPECT_EQ(stable_part("duo does not answer: not connected yet"),
            stable_part("duo does not answer: connection refused"));
  EXPECT_NE(stable_part("duo does not answer: x"), stable_part("tre does not answer: x"));
}

TEST(Alerts, AnAgentThatBeginsDoesNotTakeWhatItHasNotSeenYetForOver) {
  Watch watch;
  watch.goes_on(5min, {"nginx does not run"});
  auto book = AlertBook::from_json(watch.book.to_json());
  book.begin(noon + 2h);
  book.see({}, "uno", both, noon + 2h);
  EXPECT_TRUE(book.due("mail", noon + 2h).ended.empty());
  book.see({}, "uno", both, noon + 2h + 60s);
  EXPECT_EQ(book.due("mail", noon + 2h + 60s).ended.size(), 1U);
}

TEST(Alerts, AClockThatWasAheadKeepsNothingBack) {
  Watch watch;
  watch.now = noon + 24h;
  watch.goes_on(5min, {"nginx does not run"});
  EXPECT_EQ(watch.sent.size(), 1U);
  watch.now = noon; // it is right again
  watch.goes_on(5min, {"nginx does not run", "the disk of / is 91 % full"});
  ASSERT_EQ(watch.sent.size(), 2U);
  EXPECT_THAT(texts(watch.sent[1].begun), ElementsAre("the disk of / is 91 % full"));
}

TEST(Alerts, TheBookIsKeptAsItIs) {
  Watch watch;
  watch.goes_on(5min, {"nginx does not run", "x"});
  watch.primary = "duo";
  watch.book.see({"y"}, "duo", both, watch.now);
  auto kept = AlertBook::from_json(watch.book.to_json());
  EXPECT_EQ(kept.to_json(), watch.book.to_json());
  EXPECT_THAT(AlertBook::from_json({{"alerts", 3}}).all(), IsEmpty());
}

TEST(Alerts, AMailHasOneSubjectOfAsciiWhateverAProblemSays) {
  AlertMessage message;
  message.begun.push_back({.text = "line one\nBcc: somebody@example.net\n\nпривет " + std::string(400, 'x'),
                           .since = noon,
                           .seen = noon,
                           .told = {}});
  const auto text = mail_text(source, "ops@example.org", message);
  const auto head = text.substr(0, text.find("\n\n"));
  EXPECT_THAT(head, Not(HasSubstr("\nBcc")));
  EXPECT_THAT(head, HasSubstr("Subject: =?UTF-8?B?"));
  EXPECT_TRUE(std::ranges::all_of(head, [](char letter) { return static_cast<unsigned char>(letter) < 0x80; }));
  const auto begin = head.find("?B?") + 3;
  const auto subject = from_base64(head.substr(begin, head.find("?=", begin) - begin));
  ASSERT_TRUE(subject);
  EXPECT_TRUE(subject->starts_with("[tandem shops] line one Bcc: somebody@example.net  привет xxx")) << *subject;
  EXPECT_THAT(text, HasSubstr("2026-11-27 12:00:00 UTC  line one\n    Bcc: somebody@example.net"));
}

} // namespace
} // namespace tandem::agent
