// [[site]]. Most of them ask probe.test, a site that tells what it knows of itself.
#include "keys/key_proofs.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::proofs {

namespace {

constexpr auto* job_timers = "systemctl list-timers --no-pager 'tandem-job-*'";
// Until what an apply has changed is at work.
constexpr auto* worker = "until [ -z \"$(systemctl list-jobs --no-legend)\" ] && systemctl is-active -q "
                         "'tandem-worker-probe.test:*'; do sleep 0.1; done; pgrep -af '^celery '; true";
constexpr auto* run_job = "cd /etc/systemd/system && systemctl start tandem-job-probe.test:*.service && "
                          "ls /www/probe.test/static";

using enum Place;

const std::string shared_folder = "/www/.releases/probe.test/shared/";

Probe told(const std::string& before, const std::string& after) {
  return {visitor, "visit probe.test /", before + "\n", after + "\n"};
}

// What `sites` of their own are deployed for: before.test becomes after.test.
std::vector<Proof> of_sources() {
  const std::string pip = R"("--no-index", "--find-links", "/srv/wheels")";
  const std::string packages = "/www/probe.test/env/lib/python3*/site-packages";
  return {
      {"site.repo",
       R"("http://tre/git/probe-one.git")",
       R"("http://tre/git/probe-two.git")",
       {told("origin=one", "origin=two")}},
      {"site.branch", R"("main")", R"("next")", {told("branch=main", "branch=next")}},
      {.key = "site.webhook_secret_file",
       .before = R"("")",
       .after = R"("")",
       .test = "Hooks.APushIsDeployedWhicheverServerItReachesAndOthersAreNot"},
      {"site.deploy_key",
       R"("secrets/probe-wrong.key")",
       R"("secrets/probe-right.key")",
       {{primary, "tandem deploy %moment%.test", "Permission denied", "is live"}}},
      {"site.domain",
       R"("before.test")",
       R"("after.test")",
       {{visitor, "visit after.test / || echo unknown", "unknown", "origin=one"}}},
      {"site.repo_host_keys",
       R"(["tre %wrong_host_key%"])",
       R"(["tre %host_key%"])",
       {{primary, "tandem deploy pinned.test", "Host key verification failed", "is live"}}},
      {"site.owner", R"("nikolays")", R"("andrey")", {told("user=nikolays", "user=andrey")}},
      {"site.wsgi", R"("probe:application")", R"("probe:other")", {told("callable=application", "callable=other")}},
      {"site.environment",
       R"({ PROBE_VARIABLE = "one" })",
       R"({ PROBE_VARIABLE = "two" })",
       {told("variable=one", "variable=two")}},
      {"site.environment_file",
       R"("secrets/probe-one.env")",
       R"("secrets/probe-two.env")",
       {told("word=first", "word=second")}},
      {"site.requirements",
       R"("requirements.txt")",
       R"("requirements/more.txt")",
       {{primary, "ls " + packages, "asgiref", "sqlparse"}}},
      {"site.pip_options",
       "[" + pip + "]",
       "[" + pip + R"(, "--no-compile"])",
       {{primary,
         "ls -d " + packages + "/{asgiref,sqlparse}/__pycache__ | grep -q __pycache__ && echo compiled || echo plain",
         "compiled", "plain"}}},
  };
}

std::vector<Proof> of_serving() {
  const std::string status = " -o /dev/null -w '%{http_code}'";
  return {
      {"site.aliases",
       "",
       R"(["www.probe.test"])",
       {{visitor, "visit www.probe.test / || echo unknown", "unknown", "origin="}}},
      {"site.serve",
       R"({ "/static/" = "static" })",
       R"({ "/static/" = "static", "/pictures/" = "pictures" })",
       {{visitor, "visit probe.test /pictures/one.txt", "origin=", "a picture",
         "echo a picture > " + shared_folder + "pictures/one.txt"}}},
      {"site.deploy_steps",
       R"(["touch static/step-one"])",
       R"(["touch static/step-two"])",
       {{primary, "ls /www/probe.test/static", "step-one", "step-two"}}},
      {"site.health",
       R"("/")",
       R"("/well/")",
       {{primary, "grep -q '^/well/$' /www/probe.test/log/asked && echo well || echo never", "never", "well"}}},
      {"site.max_body",
       R"("1MB")",
       R"("4MB")",
       {{visitor, "head -c 2000000 /dev/zero | visit probe.test / --data-binary @-" + status, "413", "200"}}},
      {"site.basic_auth",
       "",
       R"("secrets/probe.htpasswd")",
       {{visitor, "visit_unnamed probe.test /" + status, "200", "401"}}},
      {"site.nginx_extra",
       "",
       R"("secrets/probe.nginx")",
       {{visitor, "visit probe.test / -o /dev/null -D - | grep -i '^x-probe' || echo none", "none", "extra"}}},
  };
}

std::vector<Proof> of_folders() {
  const std::string drawer = shared_folder + "drawer";
  return {
      {"site.folders.name",
       R"("papers")",
       R"("letters")",
       {{primary, "ls " + shared_folder, "papers", "letters"}, {standby, "ls " + shared_folder, "papers", "letters"}}},
      {"site.folders.owner", "", R"("www-data")", {{primary, "stat -c %U " + drawer, "nikolays", "www-data"}}},
      {"site.folders.group", "", R"("adm")", {{primary, "stat -c %G " + drawer, "www-data", "adm"}}},
      {"site.folders.replicate",
       "",
       "false",
       {{standby, "test -e " + drawer + "/%moment% && echo came || echo waits", "came", "waits",
         "touch " + drawer + "/%moment%; reconcile"}}},
  };
}

std::vector<Proof> of_engines() {
  const std::string in_database = "for name in probe_two probe_one; do database $name 'select extname from "
                                  "pg_extension' && break; done";
  return {
      {"site.uwsgi.processes", "1", "2", {told("workers=1", "workers=2")}},
      {"site.uwsgi.threads", "1", "3", {told("threads=False", "threads=True")}},
      {"site.uwsgi.harakiri",
       R"("2s")",
       R"("20s")",
       {{visitor, "visit probe.test '/sleep/?6' -o /dev/null -w '%{http_code}'", "502", "200"}}},
      {"site.uwsgi.settings",
       R"({ add-header = "X-Setting: one" })",
       R"({ add-header = "X-Setting: two" })",
       {{visitor, "visit probe.test / -o /dev/null -D - | grep -i '^x-setting'", "one", "two"}}},
      {"site.database.name",
       R"("probe_one")",
       R"("probe_two")",
       {{primary, "sql 'select datname from pg_database'", "probe_one", "probe_two"}}},
      {"site.database.owner",
       R"("probe_first")",
       R"("probe_second")",
       {{primary, "sql 'select rolname from pg_database join pg_roles on datdba = pg_roles.oid'", "probe_first",
         "probe_second"}}},
      {"site.celery.app", R"("one")", R"("two")", {{primary, worker, "--app one worker", "--app two worker"}}},
      {.key = "site.celery.beat", .before = "false", .after = "false", .test = "Workers.ThereAreNeverTwoBeats"},
      {"site.celery.worker.name",
       R"("small")",
       R"("large")",
       {{primary, worker, "small@probe.test", "large@probe.test"}}},
      {"site.celery.worker.queues",
       R"(["a"])",
       R"(["a", "b"])",
       {{primary, worker, "--queues a infinity", "--queues a,b infinity"}}},
      {"site.celery.worker.concurrency", "1", "2", {{primary, worker, "--concurrency 1", "--concurrency 2"}}},
      {.key = "site.import.user",
       .before = R"("importer")",
       .after = R"("importer")",
       .test = "Imports.AFinishedUploadIsHandedToTheSitesCommandOnce"},
      {.key = "site.import.pattern",
       .before = R"("*.txt")",
       .after = R"("*.txt")",
       .test = "Imports.AFinishedUploadIsHandedToTheSitesCommandOnce"},
      {.key = "site.import.run",
       .before = R"("true")",
       .after = R"("true")",
       .test = "Imports.AFinishedUploadIsHandedToTheSitesCommandOnce"},
      {"site.job.name",
       R"("nightly")",
       R"("daily")",
       {{primary, job_timers, "tandem-job-probe.test:nightly.timer", "tandem-job-probe.test:daily.timer"}}},
      {"site.job.schedule", R"("*-*-* 03:15")", R"("*-*-* 04:15")", {{primary, job_timers, "03:15:00", "04:15:00"}}},
      {"site.job.run", R"("touch static/one")", R"("touch static/another")", {{primary, run_job, "one", "another"}}},
      {"site.database.extensions", "", R"(["pg_trgm"])", {{primary, in_database, "plpgsql", "pg_trgm"}}},
  };
}

} // namespace

std::vector<Proof> site_proofs() {
  std::vector<Proof> proofs;
  for (auto part : {of_sources, of_serving, of_folders, of_engines})
    std::ranges::move(part(), std::back_inserter(proofs));
  return proofs;
}

} // namespace tandem::proofs
