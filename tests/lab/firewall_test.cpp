// What can be reached from outside with [host] firewall, and that the pair does not notice it.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class Firewall : public PairTest {
protected:
  static void set_firewall(bool on) {
    apply(shop_toml({.host = "timezone = \"Europe/Moscow\"\npackages = [\"less\"]\nfirewall = " +
                             std::string(on ? "true" : "false") + "\n"}));
  }

  // The ports of that server that answer `from`.
  static std::string open_ports(const std::string& from, const std::string& host) {
    return on(lab(), from,
              "for port in 22 25 53 80 443 5432 7411 8000; do (timeout 2 bash -c \"echo > /dev/tcp/" + host +
                  "/$port\" 2>/dev/null && echo $port) & done | sort -n | tr '\\n' ' '");
  }
};

} // namespace

TEST_F(Firewall, LetsVisitorsAndThePeersInAndNobodyElse) {
  set_firewall(true);
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    on(lab(), host, "(setsid python3 -m http.server 8000 >/dev/null 2>&1 & echo $! > /run/probe.pid)");
    ASSERT_TRUE(wait_until([&] { return holds_on(lab(), host, "ss -Htln 'sport = :8000' | grep -q 8000"); }, soon));
    EXPECT_EQ(open_ports("tre", host), "22 80 443");
    EXPECT_EQ(open_ports(other(host), host), "22 80 443 5432 7411");
    EXPECT_TRUE(holds_on(lab(), "tre", std::string("ping -c 1 -W 2 ") + host));
    on(lab(), host, "kill $(cat /run/probe.pid)");
  }
  // After a boot, and through a change of places.
  ASSERT_OK(lab().cut(other(primary())));
  ASSERT_OK(lab().boot(other(primary())));
  ASSERT_FALSE(wait_until_whole().empty());
  EXPECT_EQ(open_ports("tre", other(primary())), "22 80 443");
  ASSERT_OK(pair().tandem(primary(), {"switchover"}));
  prove(wait_until_whole());
  // Somebody throws all tables away, and sshd listens somewhere else as well.
  const auto host = primary();
  on(lab(), host,
     "nft flush ruleset; echo ListenAddress 0.0.0.0:2222 > /etc/ssh/sshd_config.d/50-more.conf; "
     "echo Port 22 >> /etc/ssh/sshd_config.d/50-more.conf; systemctl restart ssh");
  EXPECT_THAT(on(lab(), host, "tandem plan"), HasSubstr("what it did is undone"));
  set_firewall(true);
  EXPECT_THAT(on(lab(), host, "nft list chain inet tandem input"), HasSubstr("2222"));
  EXPECT_EQ(open_ports("tre", host), "80 443") << "sshd does not listen on port 22 any more";
  on(lab(), host, "rm /etc/ssh/sshd_config.d/50-more.conf; systemctl restart ssh");
  set_firewall(false);
  EXPECT_THAT(open_ports("tre", primary()), HasSubstr("5432"));
  EXPECT_FALSE(holds_on(lab(), primary(), "nft list table inet tandem || systemctl is-enabled tandem-firewall"));
}

} // namespace tandem::lab
