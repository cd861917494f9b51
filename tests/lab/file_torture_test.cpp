// Random changes on the primary while agents are killed, the line is cut or slow, servers stand still, more waits than
// there is room for, and the standby's disk is full: afterwards both trees are equal in everything. Written and
// compared from the lab machine, which sees the servers' file systems.
#include "pair_fixture.hpp"
#include "trees/picture.hpp"
#include "trees/torture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

namespace {

namespace fs = std::filesystem;

class FileTorture : public PairTest, public testing::WithParamInterface<unsigned> {
protected:
  static constexpr auto* folder = "/www/torture";

  // What is removed at random is no loss.
  void prepare() override { apply(shop_toml({.more = "[files]\ndeletion_guard = \"100%\"\n"})); }

  static void TearDownTestSuite() { apply(shop_toml()); }

  // As the server sees it, with what is mounted there.
  static std::string here(const std::string& host) {
    const auto leader = lab().state(host).leader;
    EXPECT_TRUE(leader) << host << " is off";
    return "/proc/" + std::to_string(leader.value_or(1)) + "/root" + folder;
  }

  static void compare_all(const std::string& from) {
    const auto done = pair().tandem(from, {"files", "reconcile", "--allow-deletions"});
    EXPECT_TRUE(done) << done.error().message;
  }

  // The standby's folder becomes a small disk of its own, which may be full.
  static void give_a_disk(const std::string& from, const std::string& to) {
    on(lab(), to, std::string("mkdir -p ") + folder + "; mount -t tmpfs -o size=128m,mode=755 none " + folder);
    compare_all(from);
  }

  void TearDown() override {
    EXPECT_TRUE(lab().heal());
    for (const auto* host : {"uno", "duo"})
      on(lab(), host,
         std::string("umount -l ") + folder + " 2>/dev/null || true; rm -f /run/tandem/files-most-waiting");
    compare_all(wait_until_whole());
  }

  // The next streams have hardly any room.
  static void give_little_room(const std::string& from) {
    on(lab(), from, "echo 40 > /run/tandem/files-most-waiting; systemctl restart tandem");
  }

  static void fill_the_disk(const std::string& to) {
    on(lab(), to,
       std::string("mount -o remount,size=$(($(df --output=used -k ") + folder + " | tail -1) + 8))k " + folder);
  }

  static bool is_live(const std::string& from) {
    const auto standbys = status_of(pair(), from, from)["files"]["standbys"];
    return standbys.is_array() && !standbys.empty() && standbys[0].value("streamed", false);
  }

  // Breaks something, and returns what mends it.
  static constexpr unsigned ways = 8;

  static std::function<void()> break_one(unsigned which, const std::string& from, const std::string& to) {
    const auto kill = [](const std::string& host) { on(lab(), host, "systemctl kill -s KILL --kill-who=main tandem"); };
    switch (which) {
    case 0:
      kill(to);
      return [] {};
    case 1:
      kill(from);
      return [] {};
    case 2:
      EXPECT_TRUE(lab().partition(from, to));
      return [] { EXPECT_TRUE(lab().heal()); };
    case 3:
      EXPECT_TRUE(lab().freeze(to));
      return [to] { EXPECT_TRUE(lab().thaw(to)); };
    case 4: // what changes meanwhile it is told of all at once
      on(lab(), from, "systemctl kill -s STOP --kill-who=main tandem");
      return [from] { on(lab(), from, "systemctl kill -s CONT --kill-who=main tandem"); };
    case 5:
      EXPECT_TRUE(lab().slow_down(from, to, 50));
      return [] { EXPECT_TRUE(lab().heal()); };
    case 6:
      fill_the_disk(to);
      return [to] { on(lab(), to, std::string("mount -o remount,size=128m ") + folder); };
    default:
      return [] {};
    }
  }

  // Empty: nothing differs.
  static std::string difference_between(const std::string& from, const std::string& to) {
    const auto flushed = pair().tandem(from, {"files", "flush"});
    if (!flushed) return flushed.error().message;
    return trees::difference(trees::picture(here(from)), trees::picture(here(to)));
  }
};

} // namespace

TEST_P(FileTorture, EndsInEqualTrees) {
  const auto from = primary();
  const auto to = other(from);
  give_a_disk(from, to);
  if (GetParam() % 2 == 0) give_little_room(from);
  for (const auto* root : {"/one", "/two"})
    fs::create_directories(here(from) + root);
  trees::Torture torture(here(from), GetParam());
  for (int round = 0; round < 3; ++round) {
    for (int change = 0; change < 300; ++change)
      torture.one();
    const auto which = torture.pick(ways);
    const auto mend = break_one(which, from, to);
    for (int change = 0; change < 300; ++change)
      torture.one();
    mend();
    ASSERT_EQ(wait_until_whole(), from);
    ASSERT_TRUE(wait_until([&] { return is_live(from); }, std::chrono::minutes(3)));
    for (int change = 0; change < 100; ++change)
      torture.one();
    std::string differs;
    EXPECT_TRUE(wait_until([&] { return (differs = difference_between(from, to)).empty(); }, std::chrono::minutes(2)))
        << "seed " << GetParam() << ", round " << round << ", broken " << which << ": " << differs;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FileTorture, testing::Range(1U, 1 + trees::seeds(200)));

} // namespace tandem::lab
