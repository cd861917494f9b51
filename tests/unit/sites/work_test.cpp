#include "fakes/server.hpp"
#include "sites/celery.hpp"
#include "sites/jobs.hpp"
#include "sites/work.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

model::Site working_shop() {
  model::Site site;
  site.domain = "shop.example";
  site.owner = "shop";
  site.jobs = {{.name = "feeds", .schedule = "*-*-* 03:15", .run = "python manage.py make_feeds"},
               {.name = "stock", .schedule = "hourly", .run = "true"}};
  return site;
}

model::Site with_celery() {
  auto site = working_shop();
  site.jobs.clear();
  site.celery =
      model::Celery{.app = "shop", .beat = true, .workers = {{.name = "mail", .queues = {"a", "b"}, .concurrency = 3}}};
  return site;
}

struct WorkServer {
  fakes::Power power;
  fakes::Files files{power};
  fakes::Services services{power};
  fakes::Processes processes;

  WorkTools tools() { return {.files = files, .processes = processes, .services = services}; }

  void serve(const std::string& release) {
    for (const auto* folder : {"/www", "/var", "/var/lib", "/var/lib/tandem", "/var/lib/tandem/sites",
                               "/var/lib/tandem/sites/shop.example", "/proc", "/proc/77"})
      files.put_folder(folder);
    EXPECT_TRUE(files.make_link("/www/shop.example", ".releases/shop.example/" + release));
    EXPECT_TRUE(files.make_link("/var/lib/tandem/sites/shop.example/current.env", release + ".env"));
  }
};

TEST(Work, StartsAndStopsWhatThereIsAndNamesWhatRunsAndWhatFailed) {
  const auto site = working_shop();
  WorkServer server;
  auto& services = server.services;
  ASSERT_TRUE(start_work(server.tools(), site)) << "before the first apply";
  EXPECT_THAT(services.calls, IsEmpty());
  const auto feeds = job_timer(site, site.jobs[0]);
  services.put(feeds, "inactive", "static");
  services.put(job_service(site, site.jobs[0]), "activating", "static");
  services.put(job_service(site, site.jobs[1]), "failed", "static");
  services.put("tandem-job-shop.example:renamed.service", "activating", "");
  services.put("tandem-job-shop.example:renamed.timer", "active", "");
  ASSERT_TRUE(start_work(server.tools(), site));
  ASSERT_TRUE(start_work(server.tools(), site));
  EXPECT_THAT(services.calls, ElementsAre("start " + feeds));
  const std::string renamed = "the job renamed of shop.example";
  EXPECT_THAT(*running_work(services), ElementsAre("the job feeds of shop.example", renamed));
  EXPECT_THAT(*failed_work(services), ElementsAre("the job stock of shop.example failed (`journalctl -u '" +
                                                  job_service(site, site.jobs[1]) + "'` tells why)"));
  services.calls.clear();
  ASSERT_TRUE(hold_work(services));
  EXPECT_THAT(services.calls, ElementsAre("stop " + feeds, "stop tandem-job-shop.example:renamed.timer"));
  EXPECT_THAT(*running_work(services), ElementsAre("the job feeds of shop.example", renamed)) << "they go on";
  services.calls.clear();
  ASSERT_TRUE(cut_work(services));
  EXPECT_THAT(services.calls, ElementsAre("begin-stop " + job_service(site, site.jobs[0]),
                                          "begin-stop tandem-job-shop.example:renamed.service"));
  EXPECT_THAT(*running_work(services), ElementsAre("the job feeds of shop.example", renamed))
      << "until they have ended";
}

TEST(Work, OneThatCannotBeginKeepsNoneOfTheOthersFromIt) {
  const auto site = working_shop();
  WorkServer server;
  auto& services = server.services;
  services.put(job_timer(site, site.jobs[0]), "inactive", "static");
  services.units[job_timer(site, site.jobs[0])].load = "masked";
  services.put(job_timer(site, site.jobs[1]), "inactive", "static");
  services.refuse = job_timer(site, site.jobs[0]);
  const auto begun = start_work(server.tools(), site);
  ASSERT_FALSE(begun);
  EXPECT_THAT(begun.error().message, HasSubstr("the job feeds of shop.example"));
  EXPECT_EQ(services.units[job_timer(site, site.jobs[1])].active, "active");
}

TEST(Work, CelerysUnitsRunAsTheOwnerFromTheReleaseThatIsServedAndEndInTheirOwnTime) {
  const auto site = with_celery();
  const auto worker = worker_text({}, site, site.celery->workers[0]);
  for (const auto* line :
       {"ConditionPathExists=/primary_server\n", "User=shop\n", "WorkingDirectory=/www/shop.example\n",
        "EnvironmentFile=/var/lib/tandem/sites/shop.example/current.env\n", "KillMode=mixed\n",
        "ProtectControlGroups=yes\n", "TimeoutStopSec=10min\n",
        "ExecStop=-/usr/lib/tandem/drain-worker shop mail@shop.example\n",
        "ExecStart=:/usr/bin/env -- celery --app shop worker --hostname mail@shop.example --concurrency 3 --loglevel "
        "INFO "
        "--queues a,b\n"})
    EXPECT_THAT(worker, HasSubstr(line));
  const auto beat = beat_text({}, site);
  EXPECT_THAT(beat, HasSubstr("RuntimeDirectory=tandem-beat-shop.example\n"));
  EXPECT_THAT(beat, HasSubstr("beat --schedule /run/tandem-beat-shop.example/schedule --pidfile= "));
  EXPECT_EQ(work_in_words(worker_unit(site, site.celery->workers[0])), "the worker mail of shop.example");
  EXPECT_EQ(work_in_words(beat_unit(site)), "the beat of shop.example");
}

TEST(Work, WorkersBeginOnceAReleaseIsServedAndAreRenewedWithIt) {
  const auto site = with_celery();
  const auto worker = worker_unit(site, site.celery->workers[0]);
  WorkServer server;
  server.services.put(worker, "inactive", "static");
  server.services.put(beat_unit(site), "inactive", "static");
  server.files.put_folder("/www");
  ASSERT_TRUE(start_work(server.tools(), site));
  EXPECT_THAT(server.services.calls, IsEmpty()) << "nothing is served yet";
  server.serve("one");
  ASSERT_TRUE(start_work(server.tools(), site));
  EXPECT_THAT(server.services.calls, ElementsAre("begin-start " + worker, "begin-start " + beat_unit(site)));
  ASSERT_EQ(server.processes.ran.size(), 1U);
  EXPECT_THAT(server.processes.ran[0], HasSubstr(" eval ")) << "what a worker that died had taken goes back first";
  for (const auto& unit : {worker, beat_unit(site)})
    server.services.units[unit].main_process = 77;
  ASSERT_TRUE(server.files.make_link("/proc/77/cwd", "/www/.releases/shop.example/one"));
  server.services.calls.clear();
  ASSERT_TRUE(start_work(server.tools(), site));
  EXPECT_THAT(server.services.calls, IsEmpty());
  server.serve("two");
  ASSERT_TRUE(start_work(server.tools(), site));
  EXPECT_THAT(server.services.calls, ElementsAre("begin-restart " + worker, "begin-restart " + beat_unit(site)));
  EXPECT_EQ(server.processes.ran.size(), 1U) << "tasks of a worker that runs are its own";
}

TEST(Work, WorkersEndTheirTasksOrReturnThem) {
  const auto site = with_celery();
  const auto worker = worker_unit(site, site.celery->workers[0]);
  WorkServer server;
  server.services.put(worker, "active", "static");
  server.services.put(beat_unit(site), "active", "static");
  ASSERT_TRUE(hold_work(server.services));
  EXPECT_THAT(server.services.calls, ElementsAre("begin-stop " + worker, "begin-stop " + beat_unit(site)));
  EXPECT_THAT(*running_work(server.services),
              ElementsAre("the worker mail of shop.example", "the beat of shop.example"));
  server.services.calls.clear();
  ASSERT_TRUE(cut_work(server.services));
  EXPECT_THAT(server.services.calls, ElementsAre("signal 3 " + worker, "begin-stop " + beat_unit(site)));
  server.services.calls.clear();
  server.services.put(worker, "active", "static");
  ASSERT_TRUE(end_work(server.services));
  ASSERT_TRUE(end_work(server.services));
  EXPECT_EQ(std::ranges::count(server.services.calls, "signal 3 " + worker), 1) << "a second one would lose the tasks";
}

// systemd starts it again when it has ended, unless it is told otherwise.
TEST(Work, OneThatEndsOnlyToBeStartedAnewIsStoppedAndCounts) {
  const auto site = with_celery();
  const auto worker = worker_unit(site, site.celery->workers[0]);
  WorkServer server;
  server.services.put(worker, "inactive", "static");
  server.services.queued.insert(worker);
  EXPECT_THAT(*running_work(server.services), ElementsAre("the worker mail of shop.example"));
  ASSERT_TRUE(hold_work(server.services));
  EXPECT_THAT(server.services.calls, ElementsAre("begin-stop " + worker));
}

TEST(Work, OneThatKeepsFailingIsTold) {
  const auto site = with_celery();
  const auto worker = worker_unit(site, site.celery->workers[0]);
  WorkServer server;
  server.services.put(worker, "activating", "static");
  server.services.units[worker].sub = "auto-restart";
  EXPECT_THAT(*failed_work(server.services), ElementsAre(HasSubstr("the worker mail of shop.example keeps failing")));
}

} // namespace
} // namespace tandem::sites
