// [database], [files], [cache], [certificates], [dns], [alerts], [logs], [backup].
#include "config/binding.hpp"
#include "config/rules.hpp"

namespace tandem::config {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr hours day{24};
constexpr model::Bytes megabyte = 1U << 20U;
constexpr model::Bytes terabyte = model::Bytes{1} << 40U;

model::Database& database(model::Pair& pair) {
  return pair.database;
}

model::Files& files(model::Pair& pair) {
  return pair.files;
}

model::Cache& cache(model::Pair& pair) {
  return pair.cache;
}

model::Certificates& certificates(model::Pair& pair) {
  return pair.certificates;
}

model::Dns& dns(model::Pair& pair) {
  return pair.dns;
}

model::Alerts& alerts(model::Pair& pair) {
  return pair.alerts;
}

model::Logs& logs(model::Pair& pair) {
  return pair.logs;
}

model::Backup& backup(model::Pair& pair) {
  return pair.backup;
}

Keys data_keys() {
  using model::Database;
  using model::Files;
  return {
      table("database", "PostgreSQL, in the version of the Debian release."),
      value("database.synchronous", flag(), at(database, &Database::synchronous),
            "a commit waits for the standby, and nothing acknowledged is ever lost")
          .later(),
      value("database.synchronous_fallback", flag(), at(database, &Database::synchronous_fallback),
            "go on alone when the standby is gone, and say so loudly")
          .later(),
      value("database.settings", settings_by(rules::database_setting), at(database, &Database::settings),
            "settings of postgresql.conf by name"),
      value("database.slot_limit", size(64 * megabyte, 64 * terabyte), at(database, &Database::slot_limit),
            "how much WAL a dead standby may hold back"),

      table("files", "The folders that are the same on every server."),
      value("files.replicate", set(rules::replicated_path), at(files, &Files::replicate), "the folders"),
      value("files.exclude", set(rules::exclude_pattern), at(files, &Files::exclude),
            "what is left out, as patterns of rsync"),
      value("files.reconcile", duration(minutes(1), 30 * day), at(files, &Files::reconcile),
            "how often everything is compared"),
      value("files.deletion_guard", percentage(), at(files, &Files::deletion_guard),
            "when more than this part of the files would vanish at once, tandem stops and asks"),
  };
}

Keys edge_keys() {
  using model::Cache;
  using model::Certificates;
  using model::Dns;
  return {
      table("cache", "Caches of the sites, for each server its own."),
      value("cache.memcached", size(megabyte, terabyte), at(cache, &Cache::memcached),
            "memory of memcached, which answers on the loopback addresses; without it memcached is left alone"),
      value("cache.redis", size(megabyte, terabyte), at(cache, &Cache::redis),
            "memory of the cache instance of Redis (port 6379); the queue instance (port 6380) never evicts"),

      table("certificates", "Certificates that browsers trust."),
      value("certificates.acme", text_or_none(rules::https_url), at(certificates, &Certificates::acme),
            "the ACME server's directory"),
      value("certificates.ca_bundle", secret_file(), at(certificates, &Certificates::ca_bundle),
            "for a private ACME server: the certificates that it is checked by"),
      value("certificates.renew_before", duration_or_auto(hours(1), 365 * day),
            at(certificates, &Certificates::renew_before), "\"auto\": when a third of the lifetime is left"),

      table("dns", "The records that point visitors to the primary."),
      value("dns.provider", choice({"rfc2136", "command", "manual", "none"}), at(dns, &Dns::provider),
            "dynamic updates, your own program, a printed list of changes, or nothing"),
      value("dns.server", text_or_none(rules::host), at(dns, &Dns::server), "the server that takes the updates"),
      value("dns.key_file", secret_file(), at(dns, &Dns::key_file), "TSIG key, as tsig-keygen prints it"),
      value("dns.command", arguments(), at(dns, &Dns::command),
            "your own program, for the provider \"command\": it gets each change as JSON on standard input"),
      value("dns.ttl", duration(seconds(1), 7 * day), at(dns, &Dns::ttl), "lifetime of the records"),
  };
}

Keys watch_keys() {
  using model::Alerts;
  using model::Backup;
  using model::Logs;
  return {
      table(
          "alerts",
          "What the administrator is told: whatever `tandem status` calls a problem, once it has stood for a minute."),
      value("alerts.mail", flag(), at(alerts, &Alerts::mail),
            "by mail to `pair.admin_mail`; not given: where `host.mail` is"),
      value("alerts.command", arguments(), at(alerts, &Alerts::command), "by your own program, JSON on standard input"),
      value("alerts.replica_lag", duration(seconds(1), 7 * day), at(alerts, &Alerts::replica_lag),
            "when a standby is behind by more"),
      value("alerts.certificate", duration_or_auto(hours(1), 365 * day), at(alerts, &Alerts::certificate),
            "when a certificate ends within; \"auto\": below a fifth of its lifetime"),
      value("alerts.disk", percentage(), at(alerts, &Alerts::disk), "when a disk is fuller"),

      table("logs", "Rotation of nginx's logs and of the sites' own: *.log in their folders that are called \"logs\"."),
      value("logs.rotate", choice({"daily", "weekly", "monthly"}), at(logs, &Logs::rotate), "how often"),
      value("logs.keep", count(1, 3650), at(logs, &Logs::keep), "how many old ones are kept"),

      table("backup", "Off-site, so that the servers are not the only copies.").later(),
      value("backup.repository", text_or_none(rules::any_text), at(backup, &Backup::repository),
            "where to, such as \"sftp:backup@203.0.113.9:/tandem\"; empty: no backup, and `status` says so")
          .later(),
      value("backup.keep", duration(day, 3650 * day), at(backup, &Backup::keep), "for how long").later(),
  };
}

} // namespace

Keys service_keys() {
  Keys keys;
  for (auto part : {data_keys, edge_keys, watch_keys})
    std::ranges::move(part(), std::back_inserter(keys));
  return keys;
}

} // namespace tandem::config
