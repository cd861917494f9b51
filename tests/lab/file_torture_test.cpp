// Random changes on the primary while agents are killed, the line is cut and servers stand still: afterwards both trees
// are equal in everything. Written and compared from the lab machine, on whose file system both /www lie.
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

  static std::string here(const std::string& host) { return lab().names().host_folder(host) + folder; }

  static bool is_live(const std::string& from) {
    const auto standbys = status_of(pair(), from, from)["files"]["standbys"];
    return standbys.is_array() && !standbys.empty() && standbys[0].value("streamed", false);
  }

  // Breaks something, and returns what mends it.
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
  for (const auto* root : {"/one", "/two"})
    fs::create_directories(here(from) + root);
  trees::Torture torture(here(from), GetParam());
  for (int round = 0; round < 3; ++round) {
    for (int change = 0; change < 300; ++change)
      torture.one();
    const auto which = torture.pick(6);
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
