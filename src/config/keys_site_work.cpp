// [site.uwsgi], [site.database], [site.celery], [site.import], [[site.job]].
#include "config/binding.hpp"
#include "config/rules.hpp"

namespace tandem::config {

namespace {

model::Uwsgi& uwsgi(model::Pair& pair) {
  return pair.sites.back().uwsgi;
}

model::SiteDatabase& site_database(model::Pair& pair) {
  return *pair.sites.back().database;
}

model::Celery& celery(model::Pair& pair) {
  return *pair.sites.back().celery;
}

model::CeleryWorker& worker(model::Pair& pair) {
  return pair.sites.back().celery->workers.back();
}

model::Import& import(model::Pair& pair) {
  return *pair.sites.back().import;
}

model::Job& job(model::Pair& pair) {
  return pair.sites.back().jobs.back();
}

Keys application_keys() {
  using model::SiteDatabase;
  using model::Uwsgi;
  return {
      table("site.uwsgi", "The application's server."),
      value("site.uwsgi.processes", count(1, 1024), at(uwsgi, &Uwsgi::processes), "worker processes"),
      value("site.uwsgi.threads", count(1, 1024), at(uwsgi, &Uwsgi::threads), "threads in each of them"),
      value("site.uwsgi.harakiri", duration(std::chrono::seconds(1), std::chrono::hours(24)),
            at(uwsgi, &Uwsgi::harakiri), "a request that takes longer is ended"),
      value("site.uwsgi.settings", settings_by(rules::uwsgi_option), at(uwsgi, &Uwsgi::settings),
            "further options of uWSGI by name"),

      table("site.database", site, &model::Site::database, "The site's PostgreSQL database."),
      value("site.database.name", text(rules::database_name), at(site_database, &SiteDatabase::name), "the database")
          .required(),
      value("site.database.owner", text(rules::database_owner), at(site_database, &SiteDatabase::owner),
            "the role that owns it and that the site logs in as")
          .required(),
      value("site.database.extensions", set(rules::extension), at(site_database, &SiteDatabase::extensions),
            "extensions made in it"),
  };
}

Keys background_keys() {
  using model::Celery;
  using model::CeleryWorker;
  using model::Import;
  using model::Job;
  return {
      table("site.celery", site, &model::Site::celery, "Background work, on the primary only."),
      value("site.celery.app", text(rules::module_), at(celery, &Celery::app), "the Celery application's module")
          .required(),
      value("site.celery.beat", flag(), at(celery, &Celery::beat), "run beat, once in the pair"),
      tables("site.celery.worker", celery, &Celery::workers, "One for each worker."),
      value("site.celery.worker.name", text(rules::label), at(worker, &CeleryWorker::name), "its name").required(),
      value("site.celery.worker.queues", set(rules::queue), at(worker, &CeleryWorker::queues),
            "the queues it takes from"),
      value("site.celery.worker.concurrency", count(1, 1024), at(worker, &CeleryWorker::concurrency),
            "tasks at a time"),

      table("site.import", site, &model::Site::import, "Uploads by SFTP that a command takes in."),
      value("site.import.user", text(rules::user_name), at(import, &Import::user),
            "the user that uploads, to its `folders`")
          .required(),
      value("site.import.pattern", text(rules::file_pattern), at(import, &Import::pattern),
            "which files, as a shell's pattern; never those that begin with a dot"),
      value("site.import.run", text(rules::command), at(import, &Import::run),
            "run once for each finished upload, one at a time, on the primary; its path stands where the command says "
            "{file}, or comes last")
          .required(),

      tables("site.job", site, &model::Site::jobs, "Instead of crontab: on the primary only, never twice."),
      value("site.job.name", text(rules::label), at(job, &Job::name), "its name").required(),
      value("site.job.schedule", text(rules::any_text), at(job, &Job::schedule),
            "a calendar time of systemd, as `systemd-analyze calendar` takes it")
          .required(),
      value("site.job.run", text(rules::command), at(job, &Job::run),
            "the command, as the site's owner, in the release that is served")
          .required(),
  };
}

} // namespace

Keys site_work_keys() {
  auto keys = application_keys();
  std::ranges::move(background_keys(), std::back_inserter(keys));
  return keys;
}

} // namespace tandem::config
