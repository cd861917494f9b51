// Mail of cron, of a site and of root reaches the outside, and nobody outside can send any through the servers.
#include "mail_sink.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class Mail : public PairTest {
protected:
  void prepare() override {
    make_mail_sink(lab());
    apply(shop_toml(
        {.host = fmt::format(
             "timezone = \"Europe/Moscow\"\npackages = [\"less\", \"cron\"]\n{}time_servers = [\"10.77.0.13\"]\n",
             mail_to_sink)}));
  }
};

} // namespace

TEST_F(Mail, OfCronAndOfASiteArrivesFromBothServers) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    const std::string name = host;
    on(lab(), host, "echo '* * * * * root echo cron says " + name + "' > /etc/cron.d/probe");
    on(lab(), host,
       "printf 'Subject: disk\\n\\nthe disk of " + name + "\\n' | runuser -u nikolays -- /usr/sbin/sendmail root");
    // As Django sends it, by the site's user and over the loopback address.
    on(lab(), host,
       "runuser -u nikolays -- python3 -c 'import smtplib; smtplib.SMTP(\"127.0.0.1\").sendmail(\"shop@shop.test\", "
       "\"customer@example.net\", \"Subject: order\\n\\nyour order on " +
           name + "\\n\")'");
  }
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    const std::string name = host;
    EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "cron says " + name));
    EXPECT_TRUE(mail_arrives(lab(), "ops@example.org", "the disk of " + name));
    EXPECT_TRUE(mail_arrives(lab(), "customer@example.net", "your order on " + name));
    on(lab(), host, "rm /etc/cron.d/probe");
  }
}

TEST_F(Mail, IsTakenFromTheServerItselfOnly) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_EQ(on(lab(), host, "ss -Htln 'sport = :25' | awk '{print $4}' | sort | tr '\\n' ' '"),
              "127.0.0.1:25 [::1]:25");
    EXPECT_FALSE(holds_on(lab(), "tre", std::string("timeout 5 bash -c 'echo QUIT > /dev/tcp/") + host + "/25'"));
  }
}

TEST_F(Mail, TimeServersAreThoseOfTheFile) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_EQ(on(lab(), host, "systemd-analyze cat-config systemd/timesyncd.conf | grep ^NTP="), "NTP=10.77.0.13");
    EXPECT_EQ(on(lab(), host, "systemctl is-enabled systemd-timesyncd"), "enabled");
    EXPECT_EQ(on(lab(), host, "date +%Z"), "MSK");
  }
}

} // namespace tandem::lab
