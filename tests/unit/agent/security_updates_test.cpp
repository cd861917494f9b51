#include "agent/security_updates.hpp"

#include <gmock/gmock.h>

namespace tandem::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SecurityUpdates, OnlyThoseOfTheSecurityArchiveCount) {
  EXPECT_THAT(waiting_updates(
                  "Reading package lists...\n"
                  "Inst postgresql-15 [15.8-0+deb12u1] (15.9-0+deb12u1 Debian-Security:12/stable-security [amd64])\n"
                  "Inst less [590-2] (590-2.1~deb12u2 Debian:12.9/stable [amd64])\n"
                  "Inst libssl3 [3.0.14-1] (3.0.15-1 Debian-Security:12/stable-security [amd64]) []\n"
                  "Conf libssl3 (3.0.15-1 Debian-Security:12/stable-security [amd64])\n"),
              ElementsAre("libssl3", "postgresql-15"));
  EXPECT_THAT(waiting_updates(""), IsEmpty());
}

TEST(SecurityUpdates, WhatRestartsWhatVisitorsWaitForIsLeftWhileServing) {
  for (const auto* name : {"postgresql-15", "postgresql-common", "nginx", "nginx-common", "libnginx-mod-stream",
                           "uwsgi-core", "uwsgi-plugin-python3", "redis-server", "memcached"}) {
    EXPECT_TRUE(is_left_while_serving(name)) << name;
  }
  for (const auto* name : {"libpq5", "openssl", "linux-image-amd64", "python3.11", "exim4-base"})
    EXPECT_FALSE(is_left_while_serving(name)) << name;
  EXPECT_THAT(update_configuration(true), HasSubstr("Unattended-Upgrade::Package-Blacklist {\n  \"^postgresql-\";"));
  EXPECT_EQ(update_configuration(false).find("Blacklist"), std::string::npos);
  EXPECT_THAT(update_configuration(false), HasSubstr("--force-confold"));
}

TEST(SecurityUpdates, AServerIsWellWhenNothingIsWrongThatWasNotBefore) {
  const std::vector<std::string> before{"duo: the database on tre is 40 s behind", "names: x"};
  EXPECT_THAT(new_problems(before, {"duo: the database on tre is 95 s behind"}), IsEmpty());
  EXPECT_THAT(new_problems(before, {std::string("duo: ") + reboot_problem}), IsEmpty()) << "a kernel waits for that";
  EXPECT_THAT(new_problems(before, {"names: x", "duo: nginx does not run"}), ElementsAre("duo: nginx does not run"));
}

TEST(SecurityUpdates, AreDueOnceANightAndNotInTheDay) {
  EXPECT_FALSE(updates_are_due("2026-11-27", 3, ""));
  EXPECT_TRUE(updates_are_due("2026-11-27", 4, ""));
  EXPECT_TRUE(updates_are_due("2026-11-27", 5, "2026-11-26"));
  EXPECT_FALSE(updates_are_due("2026-11-27", 5, "2026-11-27"));
  EXPECT_FALSE(updates_are_due("2026-11-27", 6, "2026-11-26"));
}

} // namespace
} // namespace tandem::agent
