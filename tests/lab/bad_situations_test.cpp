// What an operator meets at set-up: a full disk, a port that somebody else has, an apt at work, power that goes. Each
// is told in words that say what to do, and the next apply goes on where the one before ended.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

constexpr auto* fresh = "fresh"; // one server with tandem on it, initialised, before its first apply

// Keeps a lock as apt-get and dpkg do (fcntl), until the file "enough" is there.
constexpr auto* holder = R"(use Fcntl;
open(my $file, '+>>', $ARGV[0]) or die;
my $lock = pack('s s l! l! i', F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die;
open(my $held, '>', '/root/held'); close($held);
while (! -e '/root/enough') { select(undef, undef, undef, 0.1); }
)";

class Situations : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    lab_ = std::make_unique<OwnLab>();
    ASSERT_TRUE(lab_->ok());
    pair_ = std::make_unique<ShopPair>(**lab_, goods(), show);
    ASSERT_OK(pair_->install("uno"));
    ASSERT_OK(pair_->write_toml("uno", shop_toml({.two_servers = false})));
    ASSERT_OK(pair_->init());
    ASSERT_OK(lab().snapshot(fresh, show));
  }

  static void TearDownTestSuite() {
    pair_.reset();
    lab_.reset();
  }

  void SetUp() override {
    ASSERT_TRUE(lab_ && lab_->ok() && pair_);
    ASSERT_OK(lab().restore(fresh, show));
    ASSERT_TRUE(wait_until([] { return holds_on(lab(), "uno", "tandem status"); }, soon));
  }

  static Lab& lab() { return **lab_; }

  static std::string on_uno(const std::string& line) { return on(lab(), "uno", line); }

  // An apply that fails; its words.
  static std::string failing_apply() {
    const auto outcome = pair_->try_tandem("uno", {"apply"});
    EXPECT_TRUE(outcome && outcome->status == 1);
    return outcome ? outcome->output + outcome->errors : std::string();
  }

  static void expect_next_apply_finishes() {
    ASSERT_OK(pair_->tandem("uno", {"apply"}));
    const auto plan = pair_->tandem("uno", {"plan"});
    ASSERT_OK(plan);
    EXPECT_THAT(*plan, HasSubstr("no changes"));
    EXPECT_EQ(on_uno("dpkg --audit"), "") << "packages are left half installed";
    EXPECT_TRUE(holds_on(lab(), "uno", "systemctl is-active nginx postgresql@15-main"));
  }

  static std::unique_ptr<OwnLab> lab_;
  static std::unique_ptr<ShopPair> pair_;
};

std::unique_ptr<OwnLab> Situations::lab_;
std::unique_ptr<ShopPair> Situations::pair_;

class AptAtWork : public Situations, public ::testing::WithParamInterface<std::string> {};

} // namespace

TEST_P(AptAtWork, IsWaitedForAndNamed) {
  ASSERT_OK(lab().write_file("uno", "/root/hold.pl", holder));
  on_uno("setsid perl /root/hold.pl " + GetParam() + " >/dev/null 2>&1 &");
  ASSERT_TRUE(wait_until([] { return holds_on(lab(), "uno", "test -e /root/held"); }, soon));
  std::atomic<bool> told = false;
  auto apply = std::async(std::launch::async, [&] {
    return lab().run("uno", {"tandem", "apply"}, {.time_limit = std::chrono::minutes(15), .on_line = [&](auto line) {
                                                    show(std::string(line));
                                                    if (line.find("waiting for process") != std::string_view::npos &&
                                                        line.find("(perl)") != std::string_view::npos)
                                                      told = true;
                                                  }});
  });
  EXPECT_TRUE(wait_until([&] { return told.load(); }, std::chrono::minutes(3))) << "nobody says what it waits for";
  on_uno("touch /root/enough");
  const auto outcome = apply.get();
  ASSERT_OK(outcome);
  EXPECT_TRUE(outcome->ok()) << outcome->errors;
  expect_next_apply_finishes();
}

INSTANTIATE_TEST_SUITE_P(Situations, AptAtWork,
                         ::testing::Values("/var/lib/apt/lists/lock", "/var/lib/dpkg/lock-frontend"),
                         [](const auto& info) { return info.index == 0 ? "update" : "install"; });

TEST_F(Situations, PortThatSomebodyElseHasIsToldWithWhoHasIt) {
  on_uno("setsid systemd-socket-activate -l 80 cat >/dev/null 2>&1 & echo $! > /root/pid");
  ASSERT_TRUE(wait_until([] { return holds_on(lab(), "uno", "ss -Htln 'sport = :80' | grep -q ."); }, soon));
  const auto said = failing_apply();
  EXPECT_THAT(said, HasSubstr("port 80"));
  EXPECT_THAT(said, HasSubstr("systemd-socket-")) << "who has it";
  on_uno("kill $(cat /root/pid)");
  expect_next_apply_finishes();
}

TEST_F(Situations, DiskThatGetsFullWhilePackagesAreUnpackedIsToldAndNoPackageStaysHalfInstalled) {
  on_uno("mkdir -p /usr/lib/postgresql && mount -t tmpfs -o size=2m none /usr/lib/postgresql");
  EXPECT_THAT(failing_apply(), HasSubstr("No space left on device"));
  on_uno("umount /usr/lib/postgresql");
  expect_next_apply_finishes();
}

TEST_F(Situations, PowerThatGoesWhilePackagesAreInstalledCostsAnotherApply) {
  auto apply = std::async(std::launch::async, [] { return pair_->try_tandem("uno", {"apply"}); });
  ASSERT_TRUE(
      wait_until([] { return holds_on(lab(), "uno", "grep -q '^Status: install ok unpacked' /var/lib/dpkg/status"); },
                 std::chrono::minutes(3)));
  ASSERT_OK(lab().cut("uno"));
  static_cast<void>(apply.get());
  ASSERT_OK(lab().boot("uno"));
  ASSERT_TRUE(wait_until([] { return holds_on(lab(), "uno", "tandem status"); }, soon));
  expect_next_apply_finishes();
}

TEST_F(Situations, RebootWhilePackagesAreInstalledCostsAnotherApply) {
  auto apply = std::async(std::launch::async, [] { return pair_->try_tandem("uno", {"apply"}); });
  ASSERT_TRUE(
      wait_until([] { return holds_on(lab(), "uno", "grep -q '^Status: install ok unpacked' /var/lib/dpkg/status"); },
                 std::chrono::minutes(3)));
  ASSERT_OK(lab().power_off("uno"));
  static_cast<void>(apply.get());
  ASSERT_OK(lab().boot("uno"));
  ASSERT_TRUE(wait_until([] { return holds_on(lab(), "uno", "tandem status"); }, soon));
  expect_next_apply_finishes();
}

} // namespace tandem::lab
