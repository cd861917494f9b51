// Who logs in over ssh, and an account that partners send files to: chrooted, SFTP and nothing else.
#include "base/text.hpp"
#include "pair_fixture.hpp"
#include "partner.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

constexpr auto* users = R"(
[[user]]
name = "boss"
groups = ["sudo"]
sudo_nopasswd = true
ssh_keys = ["%key%"]
)";

class Logins : public PairTest {
protected:
  void prepare() override {
    make_partner(lab());
    const auto more = replace_all(users, "%key%", key()) + partner_toml;
    give_partner_password(lab(), primary());
    apply(shop_toml({.more = more}));
  }

  static std::string key() { return std::string(trim(lab().read_file("tre", "/root/boss.pub").value_or(""))); }

  static std::string said(const std::string& command) { return partner_runs(lab(), command); }

  static std::string sftp(const std::string& host, const std::string& lines,
                          const std::string& password = partner_password) {
    return lab::sftp(lab(), address_of(host), lines, password);
  }
};

} // namespace

TEST_F(Logins, AnImportersAccountIsTheSameOnBothServersAndTakesFilesOnBoth) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_EQ(on(lab(), host, "id -u import1c; getent passwd import1c | cut -d: -f7"), "1002\n/bin/false");
    EXPECT_EQ(on(lab(), host, "id -gn import1c"), "sftponly");
    EXPECT_THAT(sftp(host, "put /etc/os-release import/order.txt"), HasSubstr("status 0"));
    EXPECT_EQ(on(lab(), host, "stat -c '%U %G %a' /home/import1c/import/order.txt"), "import1c www-data 640");
    EXPECT_EQ(on(lab(), host, "runuser -u www-data -- head -c 6 /home/import1c/import/order.txt"), "PRETTY")
        << "the sites' group can read it";
    EXPECT_THAT(sftp(host, "ls", "a wrong one"), HasSubstr("Permission denied"));
  }
  EXPECT_EQ(on(lab(), "uno", "id -g import1c"), on(lab(), "duo", "id -g import1c"));
}

TEST_F(Logins, AnImportersAccountCannotGetOutOfItsFolder) {
  const auto host = primary();
  const auto fails = [&](const std::string& lines) {
    on(lab(), "tre", "rm -f /root/stolen");
    const auto told = sftp(host, lines);
    EXPECT_THAT(told, Not(HasSubstr("status 0"))) << lines << ": " << told;
    EXPECT_TRUE(holds_on(lab(), "tre", "! test -s /root/stolen")) << lines;
  };
  EXPECT_THAT(sftp(host, "ls -la /"), HasSubstr("import")) << "its home is its root";
  fails("get /etc/passwd /root/stolen");
  fails("get ../../../etc/passwd /root/stolen");
  fails("symlink /etc/passwd import/link\\nget import/link /root/stolen");
  fails("symlink ../../../etc import/folder\\nget import/folder/passwd /root/stolen");
  fails("put /root/boss.pub .ssh/authorized_keys");
  fails("mkdir .ssh");
  fails("put /root/boss.pub order.txt");
}

TEST_F(Logins, AnImportersAccountGetsNoShellAndNoWayThrough) {
  const auto host = primary();
  const auto there = "import1c@" + address_of(host);
  EXPECT_THAT(said("ssh %o " + there + " id"), HasSubstr("sftp connections only"));
  EXPECT_THAT(said("ssh %o -tt " + there), Not(HasSubstr("status 0")));
  // PostgreSQL and nginx listen there; what comes back would be theirs.
  EXPECT_THAT(said("ssh %o -W 127.0.0.1:5432 " + there + " < /dev/null"), HasSubstr("forwarding failed"));
  on(lab(), "tre", "rm -f /root/through.log");
  EXPECT_TRUE(holds_on(lab(), "tre",
                       "export SSH_ASKPASS=/root/askpass SSH_ASKPASS_REQUIRE=force; "
                       "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ExitOnForwardFailure=yes "
                       "-N -R 7777:127.0.0.1:22 " +
                           there + " 2> /root/through.log; grep -q 'forwarding failed' /root/through.log",
                       std::chrono::seconds(30)))
      << on(lab(), "tre", "cat /root/through.log");
}

TEST_F(Logins, WhoHasAKeyComesInAndNoPasswordOpensAnythingElse) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_THAT(said("ssh %o -i /root/boss -o PasswordAuthentication=no boss@" + address_of(host) + " sudo -n id -un"),
                HasSubstr("root\nstatus 0"));
    on(lab(), host, "echo 'nikolays:the right one' | chpasswd");
    EXPECT_THAT(said("ssh %o nikolays@" + address_of(host) + " id"), HasSubstr("Permission denied (publickey)"));
    EXPECT_TRUE(holds_on(lab(), host, "visudo -c && sshd -t"));
    EXPECT_TRUE(holds_on(lab(), host, "systemctl is-enabled ssh && systemctl is-active ssh"));
  }
  EXPECT_THAT(on(lab(), primary(), "tandem plan"), HasSubstr("no changes"));
}

// The last one: nothing of tandem's takes an account away, so it must not become more than it was.
TEST_F(Logins, AnAccountThatLeftTheFileStaysShutIn) {
  apply(shop_toml({.more = replace_all(users, "%key%", key())}));
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_EQ(
        on(lab(), host, "id -un import1c; sshd -t; grep -c import1c /etc/ssh/sshd_config.d/00-tandem.conf || true"),
        "import1c\n0");
    EXPECT_THAT(sftp(host, "ls -la /"), HasSubstr("import"));
    EXPECT_THAT(sftp(host, "get /etc/passwd /root/stolen"), Not(HasSubstr("status 0")));
    EXPECT_THAT(said("ssh %o import1c@" + address_of(host) + " id"), HasSubstr("sftp connections only"));
  }
}

} // namespace tandem::lab
