// Somebody is told what is wrong with the pair: by a real mail, and by a program.
#include "base/text.hpp"
#include "mail_sink.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;
using testing::IsEmpty;

namespace {

constexpr auto* told = "/root/told"; // what the operator's program was given, a message a line

class Alerts : public PairTest {
protected:
  void prepare() override {
    make_mail_sink(lab());
    for (const auto* host : {"uno", "duo"}) {
      on(lab(), host, std::string("printf '#!/bin/sh\\ncat >> ") + told + "\\n' > /usr/local/sbin/tell");
      on(lab(), host, "chmod 755 /usr/local/sbin/tell");
    }
    apply(with());
  }

  static std::string with(const std::string& alerts = "") {
    return shop_toml({.host = fmt::format("timezone = \"UTC\"\n{}", mail_to_sink),
                      .more = "[alerts]\ncommand = [\"/usr/local/sbin/tell\"]\n" + alerts});
  }

  // All that the program of that server was given under that name, text by text.
  static std::vector<std::string> told_by(const std::string& server, const std::string& name) {
    std::vector<std::string> texts;
    const auto messages = on(lab(), server, std::string("cat ") + told + " 2> /dev/null || true");
    for (const auto& line : lines_of(messages)) {
      const auto message = Json::parse(line);
      for (const auto& one : message.at(name))
        texts.push_back(one["text"].get<std::string>());
    }
    return texts;
  }

  static bool comes_to_be_told(const std::string& server, const std::string& name, const std::string& text) {
    return wait_until([&] { return count_of(told_by(server, name), text) > 0; }, std::chrono::minutes(4));
  }

  static long count_of(const std::vector<std::string>& texts, const std::string& text) {
    return std::ranges::count_if(texts, [&](const std::string& one) { return one.find(text) != std::string::npos; });
  }
};

} // namespace

TEST_F(Alerts, WhatHasStoodForAMinuteIsToldByThePrimaryOnceAndSoIsItsEnd) {
  const auto standby = other(primary());
  sql(lab(), standby, "select pg_wal_replay_pause()");
  apply(with("replica_lag = \"1s\"\ncertificate = \"365d\"\ndisk = \"1%\"\n"));
  sql(lab(), primary(), "create table if not exists waits_for_replay (at timestamptz)");
  EXPECT_TRUE(comes_to_be_told(primary(), "begun", "the database on " + standby + " is "));
  for (const auto* text : {"the certificate of shop.test: it ends in", "% full, "})
    EXPECT_TRUE(comes_to_be_told(primary(), "begun", text)) << text;
  EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "Subject: .tandem shops. " + standby));
  EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "the disk of / is .* % full"));
  EXPECT_THAT(on(lab(), primary(), "tandem alerts"), HasSubstr("; told by command and mail"));
  sql(lab(), standby, "select pg_wal_replay_resume()");
  apply(with());
  EXPECT_TRUE(comes_to_be_told(primary(), "ended", "the database on " + standby + " is "));
  EXPECT_TRUE(comes_to_be_told(primary(), "ended", standby + ": the disk of / is"));
  EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "^Over:"));
  const auto begun = told_by(primary(), "begun");
  for (const auto& text : {"the database on " + standby + " is ", standby + ": the disk of / is"})
    EXPECT_EQ(count_of(begun, text), 1) << text << " in " << join(begun, "\n");
  EXPECT_THAT(on(lab(), standby, std::string("cat ") + told + " 2> /dev/null || true"), IsEmpty())
      << "the primary tells";
}

TEST_F(Alerts, APrimaryThatIsGoneIsToldByTheStandbyAndAFailoverByTheNewPrimary) {
  const auto before = primary();
  const auto standby = other(before);
  ASSERT_OK(lab().cut(before));
  EXPECT_TRUE(comes_to_be_told(standby, "begun", before + " does not answer"));
  EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "Subject: .tandem shops. " + before + " does not answer"));
  on(lab(), standby, "tandem failover --alone " + before);
  EXPECT_TRUE(comes_to_be_told(standby, "notices", standby + " is the primary now; " + before + " was it before"));
  ASSERT_OK(lab().boot(before));
  EXPECT_TRUE(comes_to_be_told(standby, "ended", before + " does not answer"));
  EXPECT_EQ(count_of(told_by(standby, "begun"), before + " does not answer"), 1) << "the role changed meanwhile";
}

TEST_F(Alerts, ThatReachNobodyAreAProblemOfStatus) {
  apply(shop_toml({.more = "[alerts]\ncommand = [\"/bin/false\"]\n"}));
  EXPECT_FALSE(holds_on(lab(), primary(), "tandem alerts test"));
  EXPECT_THAT(on(lab(), primary(), "tandem status"), HasSubstr("alerts by command reach nobody"));
  apply(shop_toml({.more = "[alerts]\ndisk = \"1%\"\n"}));
  EXPECT_TRUE(
      wait_until([&] { return on(lab(), primary(), "tandem status").find("% full") != std::string::npos; }, soon));
  apply(with());
  EXPECT_EQ(on(lab(), primary(), "tandem status").find("% full"), std::string::npos);
  EXPECT_THAT(on(lab(), primary(), "tandem alerts test"), HasSubstr("sent by command and mail"));
  EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "a test: this would be a problem of the pair"));
}

} // namespace tandem::lab
