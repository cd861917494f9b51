#include "fakes/server.hpp"
#include "sites/jobs.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
        "ExecStart=:/usr/bin/env -- \"python\" \"manage.py\" \"make_feeds\"\n"})
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

TEST(Jobs, StartsAndStopsWhatThereIsAndNamesWhatRunsAndWhatFailed) {
  const auto site = shop();
  fakes::Power power;
  fakes::Services services(power);
  ASSERT_TRUE(start_jobs(services, site)) << "before the first apply";
  EXPECT_THAT(services.calls, IsEmpty());
  const auto feeds = job_timer(site, site.jobs[0]);
  services.put(feeds, "inactive", "static");
  services.put(job_service(site, site.jobs[0]), "activating", "static");
  services.put(job_service(site, site.jobs[1]), "failed", "static");
  ASSERT_TRUE(start_jobs(services, site));
  ASSERT_TRUE(start_jobs(services, site));
  EXPECT_THAT(services.calls, ElementsAre("start " + feeds));
  EXPECT_EQ(*running_job(services, site), "feeds");
  EXPECT_THAT(*failed_jobs(services, site), ElementsAre("stock"));
  ASSERT_TRUE(hold_jobs(services, site));
  EXPECT_EQ(*running_job(services, site), "feeds") << "it goes on";
  ASSERT_TRUE(end_jobs(services, site));
  EXPECT_EQ(*running_job(services, site), std::nullopt);
  EXPECT_THAT(services.calls,
              ElementsAre("start " + feeds, "stop " + feeds, "stop " + job_service(site, site.jobs[0])));
}

} // namespace
} // namespace tandem::sites
