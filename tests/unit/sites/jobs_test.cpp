#include "sites/jobs.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {
namespace {

using ::testing::HasSubstr;

model::Site shop() {
  model::Site site;
  site.domain = "shop.example";
  site.owner = "shop";
  site.jobs = {{.name = "feeds", .schedule = "*-*-* 03:15", .run = "python manage.py make_feeds"},
               {.name = "stock", .schedule = "hourly", .run = "true"}};
  return site;
}

TEST(Jobs, TheServiceRunsAsTheOwnerWithTheEnvironmentOfTheReleaseThatIsServed) {
  const auto site = shop();
  const auto text = job_service_text({}, site, site.jobs[0]);
  ASSERT_TRUE(text);
  for (const auto* line :
       {"ConditionPathExists=/primary_server\n", "User=shop\n", "WorkingDirectory=/www/shop.example\n",
        "EnvironmentFile=/var/lib/tandem/sites/shop.example/current.env\n", "StartLimitIntervalSec=0\n",
        "ProtectControlGroups=yes\n", "ExecStart=:/usr/bin/env -- \"python\" \"manage.py\" \"make_feeds\"\n"})
    EXPECT_THAT(*text, HasSubstr(line));
  EXPECT_THAT(job_timer_text(site, site.jobs[0]), HasSubstr("OnCalendar=*-*-* 03:15\n"));
  EXPECT_EQ(job_timer(site, site.jobs[0]), "tandem-job-shop.example:feeds.timer");
}

TEST(Jobs, WhatSystemdWouldReadInACommandReachesTheProgram) {
  EXPECT_EQ(systemd_quoted("100% of \"it\" \\ $HOME"), R"("100%% of \"it\" \\ $HOME")");
}

TEST(Jobs, ACommandWithAnOpenQuoteIsRefused) {
  auto site = shop();
  site.jobs[0].run = "python 'manage.py";
  EXPECT_FALSE(job_service_text({}, site, site.jobs[0]));
}

} // namespace
} // namespace tandem::sites
