#include "fakes/server.hpp"
#include "system/packages.hpp"

#include <gmock/gmock.h>

namespace tandem::system {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto* lists_locked = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 293 (apt-get)\n"
                               "E: Unable to lock directory /var/lib/apt/lists/\n";
// No process has this number: it is above the greatest possible one (proc(5), pid_max).
constexpr auto* dpkg_locked = "dpkg: error: dpkg frontend lock was locked by another process with pid 4194305\n"
                              "Note: removing the lock file is always wrong\n";

TEST(LockHolder, IsNamedByAptAndByDpkg) {
  EXPECT_EQ(lock_holder(lists_locked), "process 293 (apt-get)");
  EXPECT_EQ(lock_holder(dpkg_locked), "process 4194305");
  EXPECT_EQ(lock_holder("E: Unable to locate package no-such\n"), std::nullopt);
}

class DebianPackagesTest : public ::testing::Test {
protected:
  // The program's first runs end so, the later ones well.
  void fail_first(const std::string& program, int times, const std::string& errors) {
    processes_.answer = [this, program, times, errors](const Command& command) {
      Outcome outcome;
      if (command.arguments[0] == program && ++tried_ <= times) {
        outcome.status = 100;
        outcome.errors = errors;
      }
      return outcome;
    };
  }

  Result<void> install() {
    return packages_.install({"nginx"}, [this](std::string_view line) { lines_.emplace_back(line); }, may_wait_);
  }

  fakes::Processes processes_;
  DebianPackages packages_{processes_, std::chrono::milliseconds(1)};
  std::function<bool()> may_wait_;
  std::vector<std::string> lines_;
  int tried_ = 0;
};

TEST_F(DebianPackagesTest, WaitsForAnotherAptAndSaysSoOnce) {
  fail_first("apt-get", 3, lists_locked);
  ASSERT_TRUE(install());
  EXPECT_THAT(lines_, ElementsAre("waiting for process 293 (apt-get), which holds the lock of apt-get"));
  EXPECT_THAT(processes_.ran, SizeIs(6)) << "update four times, configure, install";
}

TEST_F(DebianPackagesTest, WaitsForAnotherDpkg) {
  fail_first("dpkg", 2, dpkg_locked);
  ASSERT_TRUE(install());
  EXPECT_THAT(lines_, ElementsAre("waiting for process 4194305, which holds the lock of dpkg"));
}

TEST_F(DebianPackagesTest, WhatDpkgCannotFinishAptGetMends) {
  fail_first("dpkg", 1, "dpkg: dependency problems prevent configuration of postgresql\n");
  ASSERT_TRUE(install());
  ASSERT_THAT(processes_.ran, SizeIs(4));
  EXPECT_THAT(processes_.ran[2], HasSubstr("install --fix-broken --no-remove"));
  EXPECT_THAT(processes_.ran[3], HasSubstr("install --no-remove -- nginx"));
}

TEST_F(DebianPackagesTest, WhatNeitherCanMendIsToldInBothTheirWords) {
  processes_.answer = [](const Command& command) {
    const bool broken = command.arguments[0] == "dpkg" ||
                        std::ranges::find(command.arguments, "--fix-broken") != command.arguments.end();
    return broken ? Outcome{.status = 1, .errors = command.arguments[0] + " gives up\n"} : Outcome{};
  };
  const auto done = install();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("dpkg gives up"));
  EXPECT_THAT(done.error().message, HasSubstr("apt-get gives up"));
  EXPECT_THAT(processes_.ran, SizeIs(3)) << "nothing is installed then";
}

TEST_F(DebianPackagesTest, WhoMayNotWaitIsToldAtOnceWhoHoldsTheLock) {
  for (const auto* program : {"apt-get", "dpkg"}) {
    may_wait_ = [] { return false; };
    tried_ = 0;
    fail_first(program, 1, program == std::string("dpkg") ? dpkg_locked : lists_locked);
    const auto done = install();
    ASSERT_FALSE(done) << program;
    EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(done.error().message, HasSubstr(std::string("holds the lock of ") + program));
    EXPECT_THAT(lines_, IsEmpty());
  }
}

TEST_F(DebianPackagesTest, AnyOtherFailureIsOneAtOnce) {
  fail_first("apt-get", 1, "E: Unable to locate package nginx\n");
  const auto done = install();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("Unable to locate package nginx"));
  EXPECT_THAT(processes_.ran, SizeIs(1));
}

} // namespace
} // namespace tandem::system
