// Security updates by themselves: real packages of an archive that says it is Debian's for security.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

#include <ctime>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

// publish NAME VERSION [LINE OF POSTINST]: the package joins the archive of this server, built by hand: apt's own tools
// for that are no part of a server.
constexpr auto* publish = R"sh(#!/bin/sh
set -e
folder=/srv/security
work=$(mktemp -d)
mkdir -p $folder $work/DEBIAN
printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: lab <root@localhost>\nDescription: tells that it came\n' \
  "$1" "$2" > $work/DEBIAN/control
printf '#!/bin/sh\ndate +%%s%%N > /root/%s-came\n%s\nexit 0\n' "$1" "$3" > $work/DEBIAN/postinst
chmod 755 $work $work/DEBIAN/postinst
dpkg-deb -b $work $folder/$1_$2.deb > /dev/null
cd $folder
: > Packages
for deb in *.deb; do
  dpkg-deb -f $deb >> Packages
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' $deb $(stat -c %s $deb) $(sha256sum $deb | cut -c1-64) >> Packages
done
. /etc/os-release
printf 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: %s\nCodename: %s-security\nDate: %s\nSHA256:\n %s %s Packages\n' \
  $VERSION_ID $VERSION_CODENAME "$(date -u '+%a, %d %b %Y %H:%M:%S UTC')" \
  $(sha256sum Packages | cut -c1-64) $(stat -c %s Packages) > Release
echo 'deb [trusted=yes] file:/srv/security ./' > /etc/apt/sources.list.d/security.list
)sh";

// A time zone in which it is that hour now.
std::string zone_at(int hour) {
  const auto now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  const int ahead = (hour - utc.tm_hour + 24) % 24;
  return ahead <= 12 ? "Etc/GMT-" + std::to_string(ahead) : "Etc/GMT+" + std::to_string(24 - ahead);
}

class Updates : public PairTest {
protected:
  void prepare() override {
    for (const auto* host : {"uno", "duo"}) {
      ASSERT_OK(lab().write_file(host, "/usr/local/sbin/publish", publish, 0755));
      on(lab(), host,
         "publish canary 1 && publish postgresql-canary 1 && apt-get -q update && "
         "apt-get -q -y install canary postgresql-canary");
    }
    apply(with(12));
  }

  static std::string with(int hour) {
    return shop_toml({.host = "timezone = \"" + zone_at(hour) + "\"\nsecurity_updates = true\n"});
  }

  static void publish_everywhere(const std::string& package, const std::string& version, const std::string& line = "") {
    for (const auto* host : {"uno", "duo"})
      on(lab(), host, "publish " + package + " " + version + " " + shell_quoted(line));
  }

  static std::string version_of(const std::string& server, const std::string& package) {
    return on(lab(), server, "dpkg-query -W -f '${Version}' " + package);
  }

  static long came_at(const std::string& server, const std::string& package) {
    return std::stol(on(lab(), server, "cat /root/" + package + "-came"));
  }
};

} // namespace

TEST_F(Updates, AreInstalledOnTheStandbyFirstAndNothingThatVisitorsWouldNoticeOnThePrimary) {
  const auto first = primary();
  const auto second = other(first);
  publish_everywhere("canary", "2");
  publish_everywhere("postgresql-canary", "2");
  EXPECT_FALSE(holds_on(lab(), second, "tandem updates install")) << "the primary begins";
  const auto said = on(lab(), first, "tandem updates install");
  EXPECT_THAT(said, HasSubstr(second + ": canary, postgresql-canary; waiting: nothing"));
  EXPECT_THAT(said, HasSubstr(first + ": canary; waiting: postgresql-canary"));
  EXPECT_EQ(version_of(first, "canary"), "2");
  EXPECT_EQ(version_of(second, "postgresql-canary"), "2");
  EXPECT_LT(came_at(second, "canary"), came_at(first, "canary"));
  EXPECT_EQ(version_of(first, "postgresql-canary"), "1") << "it would restart what visitors wait for";
  EXPECT_THAT(on(lab(), second, "tandem status"),
              HasSubstr(first + ": security updates of postgresql-canary wait until it is a standby"));
  EXPECT_THAT(on(lab(), first, "systemctl is-enabled apt-daily-upgrade.timer; apt-config dump APT::Periodic"),
              HasSubstr("Unattended-Upgrade \"0\""));

  ASSERT_OK(pair().tandem(first, {"switchover"}));
  EXPECT_THAT(on(lab(), second, "tandem updates install"), HasSubstr(first + ": postgresql-canary; waiting: nothing"));
  EXPECT_EQ(wait_until_whole(), second);
}

TEST_F(Updates, ComeByThemselvesAtNight) {
  publish_everywhere("canary", "3");
  apply(with(4));
  const auto came = [&] { return version_of("uno", "canary") == "3" && version_of("duo", "canary") == "3"; };
  EXPECT_TRUE(wait_until(came, std::chrono::minutes(6)));
  EXPECT_LT(came_at(other(primary()), "canary"), came_at(primary(), "canary"));
  const auto over = [] { return !holds_on(lab(), primary(), "tandem status --json | grep -q updates.install"); };
  EXPECT_TRUE(wait_until(over, soon)) << "an apply would be refused meanwhile";
  apply(with(12));
}

TEST_F(Updates, AStandbyThatIsNotWellAfterwardsKeepsThePrimaryFromThem) {
  const auto first = primary();
  const auto second = other(first);
  const auto before = version_of(first, "canary");
  publish_everywhere("canary", "4",
                     "test -e /primary_server || { systemctl mask --runtime nginx; systemctl stop nginx; }");
  const auto said = pair().try_tandem(first, {"updates", "install"});
  ASSERT_TRUE(said);
  EXPECT_NE(said->status, 0);
  EXPECT_THAT(said->errors, HasSubstr(second + " is not well after its updates: " + second + ": nginx does not run"));
  EXPECT_EQ(version_of(second, "canary"), "4");
  EXPECT_EQ(version_of(first, "canary"), before);
  EXPECT_THAT(on(lab(), first, "tandem status"), HasSubstr("security updates: "));
  on(lab(), second, "systemctl unmask --runtime nginx && systemctl start nginx");
  on(lab(), first, "tandem updates install");
  EXPECT_EQ(version_of(first, "canary"), "4");
  EXPECT_THAT(on(lab(), first, "tandem status"), Not(HasSubstr("security updates: ")));
}

} // namespace tandem::lab
