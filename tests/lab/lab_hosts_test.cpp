// The lab's hosts: what they are, whom they reach, and what happens to them.
#include "base/text.hpp"
#include "lab_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class LabHosts : public SharedLabTest {};

TEST_F(LabHosts, ReachEachOtherByName) {
  for (const auto& from : hosts)
    for (const auto& to : hosts)
      EXPECT_THAT(on(std::string(from.name), "exec 3<>/dev/tcp/" + std::string(to.name) + "/22; head -c 4 <&3"),
                  HasSubstr("SSH-"));
  EXPECT_EQ(on("tre", "ssh uno hostname"), "uno");
  EXPECT_EQ(on("tre", "ssh duo hostname"), "duo");
}

TEST_F(LabHosts, DoNotReachTheOutside) {
  // All links of the lab's network: nothing leads out of it.
  const auto links = lab().run_in_network({"ip", "-br", "link"});
  ASSERT_OK(links);
  for (const auto& line : lines_of(links->output))
    EXPECT_TRUE(line.starts_with("lo ") || line.starts_with("lab0 ") || line.starts_with("vb-")) << line;
  EXPECT_EQ(on("uno", "ip route show default"), "");
  EXPECT_THAT(on("uno", "(: </dev/tcp/192.0.2.1/80) 2>&1 || true"), HasSubstr("Network is unreachable"));
  EXPECT_EQ(on("uno", "grep -v '^#' /etc/resolv.conf || true"), "");
}

TEST_F(LabHosts, AreBareDebian) {
  for (const char* host : {"uno", "duo"}) {
    EXPECT_EQ(on(host, "for p in sudo rsync python3 nginx psql git redis-server uwsgi; do command -v $p; done; true"),
              "");
    EXPECT_EQ(on(host, "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null; true"),
              "deb [trusted=yes] file:/srv/archive ./");
    EXPECT_EQ(on(host, "systemctl --failed --no-legend"), "");
  }
  EXPECT_NE(on("uno", "cat /etc/machine-id"), on("duo", "cat /etc/machine-id"));
  EXPECT_NE(on("uno", "cat /etc/ssh/ssh_host_ed25519_key.pub"), on("duo", "cat /etc/ssh/ssh_host_ed25519_key.pub"));
}

TEST_F(LabHosts, InstallPackagesFromTheArchive) {
  on("duo", "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install less");
  EXPECT_EQ(on("duo", "dpkg-query -W -f '${Status}' less"), "install ok installed");
}

TEST_F(LabHosts, ServeGitOverHttpAndSsh) {
  ASSERT_OK(lab().run_checked("tre", {"git", "init", "-q", "--bare", "-b", "main", "/srv/git/lab-test.git"},
                              {.user = "git"}));
  on("tre",
     "rm -rf /tmp/work && git clone -q git@tre:lab-test.git /tmp/work && cd /tmp/work && "
     "git -c user.name=lab -c user.email=lab@tre commit -q --allow-empty -m one && git push -q origin HEAD:main");
  EXPECT_EQ(on("tre", "git ls-remote http://tre/git/lab-test.git refs/heads/main | cut -f1"),
            on("tre", "git -C /tmp/work rev-parse HEAD"));
}

TEST_F(LabHosts, LetServicesWatchAllOfWwwWithFanotify) {
  // fanotify_init(FAN_REPORT_DFID_NAME), fanotify_mark(ADD | FILESYSTEM, FAN_CREATE, "/www"): as a service, since
  // only services stand under the container's system call filter.
  on("uno", R"(systemd-run --quiet --wait --pipe perl -e '
    my $fd = syscall(300, 0xc00, 0); die "fanotify_init: $!" if $fd < 0;
    my $path = "/www"; die "fanotify_mark: $!" if syscall(301, $fd, 0x101, 0x100, -100, $path) < 0;')");
}

TEST_F(LabHosts, PassStatusOutputAndInputOn) {
  const auto outcome = lab().run("uno", {"sh", "-c", "cat; echo wrong >&2; exit 7"}, {.input = "given"});
  ASSERT_OK(outcome);
  EXPECT_EQ(outcome->status, 7);
  EXPECT_EQ(outcome->output, "given");
  EXPECT_EQ(outcome->errors, "wrong\n");
  const auto other = lab().run_checked("uno", {"sh", "-c", "id -un; echo $HOME"}, {.user = "www-data"});
  ASSERT_OK(other);
  EXPECT_EQ(*other, "www-data\n/var/www\n");
}

TEST_F(LabHosts, TakeAndGiveFiles) {
  const std::string content("line\n\0binary\n", 13);
  ASSERT_OK(lab().write_file("uno", "/srv/new/folder/file", content, 0640));
  EXPECT_EQ(on("uno", "stat -c %a /srv/new/folder/file"), "640");
  EXPECT_EQ(on("uno", "ls -A /srv/new/folder"), "file");
  const auto back = testing::TempDir() + "lab-copy";
  ASSERT_OK(lab().copy_out("uno", "/srv/new/folder/file", back));
  ASSERT_OK(lab().copy_in(back, "duo", "/srv/file"));
  const auto read = lab().read_file("duo", "/srv/file");
  ASSERT_OK(read);
  EXPECT_EQ(*read, content);
  EXPECT_FALSE(lab().copy_out("uno", "/no/such/file", back).has_value());
  EXPECT_FALSE(lab().copy_in("/no/such/file", "uno", "/srv/file").has_value());
}

TEST_F(LabHosts, AreLostByAPowerCutAndBootAgainWithTheirFiles) {
  on("uno", "echo kept >/etc/kept && echo served >/www/served && sync");
  const auto machine = on("uno", "cat /etc/machine-id"),
             boot = on("uno", "cat /proc/sys/kernel/random/boot_id; uptime -s");
  on("tre", "systemd-run --quiet --collect --unit=held ssh uno sleep 1000");
  const std::string established = "ss -Htn state established dst 10.77.0.11:22 | grep -q .";
  ASSERT_TRUE(wait_until([&] { return holds_on("tre", established); }, 10s));

  ASSERT_OK(lab().cut("uno"));
  EXPECT_EQ(lab().state("uno").power, HostState::Power::off);
  EXPECT_FALSE(lab().run("uno", {"true"}).has_value());
  EXPECT_FALSE(holds_on("tre", "ping -c 1 -W 1 uno"));
  EXPECT_TRUE(holds_on("tre", established)) << "the peer was told of the end";

  ASSERT_OK(lab().boot("uno"));
  EXPECT_EQ(on("uno", "cat /etc/kept /www/served"), "kept\nserved");
  EXPECT_EQ(on("uno", "cat /etc/machine-id"), machine);
  EXPECT_TRUE(wait_until([&] { return holds_on("tre", "ping -c 1 -W 1 uno"); }, 10s));
  on("tre", "systemctl stop held");
}

TEST_F(LabHosts, RebootByThemselves) {
  const auto leader = lab().state("duo").leader;
  ASSERT_OK(lab().run("duo", {"systemctl", "reboot"}));
  EXPECT_TRUE(wait_until(
      [&] {
        const auto now = lab().state("duo");
        return now.power == HostState::Power::running && now.leader != leader;
      },
      60s));
  EXPECT_TRUE(wait_until([&] { return holds_on("tre", "ping -c 1 -W 1 duo"); }, 10s));
}

TEST_F(LabHosts, StandStillWhenFrozenAndGoOnWhenThawed) {
  on("uno", "rm -f /run/ticks; systemd-run --quiet --unit=ticking bash -c "
            "'while :; do echo >>/run/ticks; sleep 0.01; done'");
  const auto ticks = [&] { return to_number(on("uno", "cat /run/ticks 2>/dev/null | wc -l")).value_or(0); };
  ASSERT_TRUE(wait_until([&] { return ticks() > 10; }, 10s));
  ASSERT_OK(lab().freeze("uno"));
  EXPECT_EQ(lab().state("uno").power, HostState::Power::frozen);
  const auto asked = lab().run("uno", {"true"}, {.time_limit = 1s});
  ASSERT_OK(asked);
  EXPECT_TRUE(asked->timed_out);
  EXPECT_FALSE(holds_on("tre", "timeout 1 ssh uno true"));
  ASSERT_OK(lab().thaw("uno"));
  const auto after = ticks();
  EXPECT_TRUE(wait_until([&] { return ticks() > after; }, 10s));
  EXPECT_LT(after, 10000);
  on("uno", "systemctl stop ticking");
}

TEST_F(LabHosts, CanBePartedBothWaysAndOneWay) {
  const auto reaches = [&] { return holds_on("tre", "ping -c 1 -W 1 uno"); };
  const auto asked = [&] { // echo requests that have come in
    return to_number(on("uno", "awk '/^Icmp:/ && $2 ~ /[0-9]/ {print $10}' /proc/net/snmp")).value_or(-1);
  };
  ASSERT_TRUE(reaches());
  ASSERT_OK(lab().partition("tre", "uno"));
  EXPECT_FALSE(reaches());
  EXPECT_TRUE(holds_on("tre", "ping -c 1 -W 1 duo"));
  ASSERT_OK(lab().heal());
  ASSERT_TRUE(reaches());

  auto before = asked();
  ASSERT_OK(lab().partition("uno", "tre", true)); // the answers are lost
  EXPECT_FALSE(reaches());
  EXPECT_GT(asked(), before);
  ASSERT_OK(lab().heal());
  ASSERT_TRUE(reaches());

  before = asked();
  ASSERT_OK(lab().partition("tre", "uno", true)); // the questions are lost
  EXPECT_FALSE(reaches());
  EXPECT_EQ(asked(), before);
  const auto words = lab().partitions();
  ASSERT_OK(words);
  EXPECT_EQ(*words, std::vector<std::string>{"tre does not reach uno"});
  ASSERT_OK(lab().heal());
  EXPECT_TRUE(reaches());
}

TEST_F(LabHosts, AreSnapshottedAndRestored) {
  const auto quiet = [](const std::string&) {};
  on("uno", "echo one >/etc/state && echo one >/www/state && rm -f /etc/issue && mkdir -p /srv/later");
  ASSERT_OK(lab().snapshot("before", quiet));
  EXPECT_EQ(lab().snapshots(), std::vector<std::string>{"before"});
  on("uno",
     "echo two >/etc/state && echo two >/www/state && echo x >/etc/issue && rmdir /srv/later && touch /www/more");
  ASSERT_OK(lab().restore("before", quiet));
  EXPECT_EQ(on("uno", "cat /etc/state /www/state"), "one\none");
  EXPECT_EQ(on("uno", "ls -d /etc/issue /srv/later /www/more 2>/dev/null; true"), "/srv/later");
  EXPECT_FALSE(lab().restore("never-made", quiet).has_value());
}

} // namespace

} // namespace tandem::lab
