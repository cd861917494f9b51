// Mail of cron, of a site and of root reaches the outside, and nobody outside can send any through the servers.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

// exim4 on tre takes mail for everybody and keeps it in one file.
constexpr auto* sink = R"(primary_hostname = tre
local_interfaces = 0.0.0.0
acl_smtp_rcpt = accept_all
begin acl
accept_all:
  accept
begin routers
everybody:
  driver = accept
  transport = sink
begin transports
sink:
  driver = appendfile
  file = /var/mail/sink
  user = mail
  group = mail
  envelope_to_add
  return_path_add
)";

class Mail : public PairTest {
protected:
  void prepare() override {
    on(lab(), "tre", "apt-get -q update && apt-get -q -y install --no-install-recommends exim4-daemon-light");
    ASSERT_OK(lab().write_file("tre", "/etc/exim4/exim4.conf", sink, 0644));
    on(lab(), "tre", "systemctl restart exim4");
    apply(shop_toml({.host = "timezone = \"Europe/Moscow\"\npackages = [\"less\", \"cron\"]\n"
                             "mail = \"smarthost 10.77.0.13\"\ntime_servers = [\"10.77.0.13\"]\n"}));
  }

  // Whether a mail to that address with that text in it has arrived.
  static bool arrives(const std::string& address, const std::string& text) {
    return wait_until(
        [&] {
          return holds_on(lab(), "tre",
                          "grep -q 'Envelope-to: " + address + "' /var/mail/sink && grep -q '" + text +
                              "' /var/mail/sink");
        },
        std::chrono::minutes(3)); // cron looks once a minute
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
    EXPECT_TRUE(arrives("ops@example.org", "cron says " + name));
    EXPECT_TRUE(arrives("ops@example.org", "the disk of " + name));
    EXPECT_TRUE(arrives("customer@example.net", "your order on " + name));
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
