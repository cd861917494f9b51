// What one tandem.toml says, as plain values. Every field that the file may leave out carries its default
// here, and nowhere else. Paths are absolute once config has loaded them (secrets are relative to the file).
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tandem::model {

using Seconds = std::chrono::seconds;
using Bytes = std::uint64_t;

// A path named by the file: `text` as written (for messages), `path` resolved against the file's folder.
struct SecretFile {
  std::string text;
  std::string path;
  bool operator==(const SecretFile&) const = default;
};

struct Host {
  std::string timezone = "Etc/UTC";
  std::vector<std::string> time_servers; // empty: as they are
  std::vector<std::string> packages;     // beyond what tandem needs itself
  std::string mail; // exim4: "internet", "smarthost HOST[:PORT]", "local"; empty: no business of tandem's
  bool firewall = false;
  bool security_updates = false;
  bool repair = false;
  bool operator==(const Host&) const = default;
};

struct Server {
  std::string name;                    // its host name, unique in the pair
  std::string address;                 // IPv4 that DNS points visitors to while it is primary
  std::optional<std::string> address6; // IPv6
  std::string peer_address;            // what its peers connect to; config fills in `address` when not given
  bool operator==(const Server&) const = default;
};

struct User {
  std::string name;
  std::optional<std::uint32_t> uid;         // fixed, else the next free on all servers
  std::optional<std::string> primary_group; // else a group of the user's own name
  std::vector<std::string> groups;
  bool sudo_nopasswd = false;
  std::vector<std::string> ssh_keys;
  bool sftp_only = false;
  std::optional<SecretFile> password_file;
  std::vector<std::string> folders; // made in its home
  bool operator==(const User&) const = default;
};

struct Database {
  bool synchronous = false;
  bool synchronous_fallback = false;
  std::map<std::string, std::string> settings; // postgresql.conf, by name
  Bytes slot_limit = Bytes{8} << 30U;
  bool operator==(const Database&) const = default;
};

struct Files {
  std::vector<std::string> replicate = {"/www"};
  std::vector<std::string> exclude = {"*.pyc", "__pycache__/", "logs/"};
  Seconds reconcile = std::chrono::hours(1);
  double deletion_guard = 0.10; // part of the files that may vanish at once
  bool operator==(const Files&) const = default;
};

struct Cache {
  std::optional<Bytes> memcached; // nullopt: tandem has nothing to do with it
  Bytes redis = Bytes{64} << 20U;
  bool operator==(const Cache&) const = default;
};

struct Certificates {
  std::string acme;
  std::optional<SecretFile> ca_bundle;
  std::optional<Seconds> renew_before; // nullopt: "auto", a third of the lifetime
  bool operator==(const Certificates&) const = default;
};

struct Dns {
  std::string provider = "none"; // "rfc2136", "command", "manual", "none"
  std::string server;
  std::optional<SecretFile> key_file;
  std::vector<std::string> command;
  Seconds ttl{60};
  bool operator==(const Dns&) const = default;
};

struct Etcd {
  std::vector<std::string> endpoints;
  Seconds lease{5};
  std::optional<SecretFile> ca_file;
  std::optional<SecretFile> cert_file;
  std::optional<SecretFile> key_file;
  bool operator==(const Etcd&) const = default;
};

enum class Authority { operator_, etcd };
enum class StandbyMode { warm, cold };

struct RoleSettings {
  Authority authority = Authority::operator_;
  StandbyMode standby = StandbyMode::warm;
  std::vector<std::string> fence;  // a command, argument by argument; empty: none
  Seconds drain{10};               // the longest wait for requests in flight
  Seconds hold{20};                // the longest that a visitor is kept waiting
  std::optional<Seconds> rehearse; // nullopt: never
  std::optional<Etcd> etcd;
  bool operator==(const RoleSettings&) const = default;
};

struct Alerts {
  std::optional<bool> mail; // nullopt: where [host] mail sends mail
  std::vector<std::string> command;
  Seconds replica_lag{30};
  std::optional<Seconds> certificate; // nullopt: "auto", a fifth of the lifetime
  double disk = 0.90;                 // part of the disk in use

  [[nodiscard]] bool by_mail(const Host& host) const { return mail.value_or(!host.mail.empty()); }

  bool operator==(const Alerts&) const = default;
};

struct Logs {
  std::string rotate = "daily";
  std::uint32_t keep = 7;
  bool operator==(const Logs&) const = default;
};

struct SiteFolder {
  std::string name;
  std::optional<std::string> owner; // else the site's
  std::optional<std::string> group; // else www-data
  bool replicate = true;
  bool operator==(const SiteFolder&) const = default;
};

struct Uwsgi {
  std::uint32_t processes = 2;
  std::uint32_t threads = 1;
  Seconds harakiri{60};
  std::map<std::string, std::string> settings;
  bool operator==(const Uwsgi&) const = default;
};

struct SiteDatabase {
  std::string name;
  std::string owner;
  std::vector<std::string> extensions;
  bool operator==(const SiteDatabase&) const = default;
};

struct CeleryWorker {
  std::string name;
  std::vector<std::string> queues;
  std::uint32_t concurrency = 1;
  bool operator==(const CeleryWorker&) const = default;
};

struct Celery {
  std::string app;
  bool beat = false;
  std::vector<CeleryWorker> workers;
  bool operator==(const Celery&) const = default;
};

struct Import {
  std::string user;
  std::string pattern = "*";
  std::string run;
  bool operator==(const Import&) const = default;
};

struct Job {
  std::string name;
  std::string schedule; // systemd calendar
  std::string run;
  bool operator==(const Job&) const = default;
};

struct Site {
  std::string domain; // also the name of its folder in /www
  std::vector<std::string> aliases;
  std::string repo;
  std::string branch = "main";
  std::optional<SecretFile> deploy_key;
  std::vector<std::string> repo_host_keys;
  std::optional<SecretFile> webhook_secret_file;
  std::string owner; // its uWSGI runs as this user, group www-data
  std::string wsgi;  // "module:callable"
  std::map<std::string, std::string> environment;
  std::optional<SecretFile> environment_file;
  std::string requirements = "requirements.txt";
  std::vector<std::string> pip_options;
  std::vector<SiteFolder> folders;
  std::map<std::string, std::string> serve; // URL prefix -> folder
  std::vector<std::string> deploy_steps;
  std::vector<std::string> on_promote;
  std::string health = "/";
  Bytes max_body = Bytes{16} << 20U;
  std::optional<SecretFile> basic_auth;
  std::optional<SecretFile> nginx_extra;
  Uwsgi uwsgi;
  std::optional<SiteDatabase> database;
  std::optional<Celery> celery;
  std::optional<Import> import;
  std::vector<Job> jobs;
  bool operator==(const Site&) const = default;
};

struct Backup {
  std::string repository;
  Seconds keep = std::chrono::hours(24 * 30);
  bool operator==(const Backup&) const = default;
};

struct Pair {
  std::string name;
  std::string admin_mail;
  std::uint16_t port = 7411;
  Host host;
  std::vector<Server> servers; // at least one
  std::vector<User> users;     // in the order in which they are made
  Database database;
  Files files;
  Cache cache;
  Certificates certificates;
  Dns dns;
  RoleSettings role;
  Alerts alerts;
  Logs logs;
  std::vector<Site> sites; // in order of importance
  Backup backup;
  bool operator==(const Pair&) const = default;

  // The server of that name; nullptr when there is none.
  [[nodiscard]] const Server* server(std::string_view name) const;
  [[nodiscard]] const Site* site(std::string_view domain) const;
  [[nodiscard]] const User* user(std::string_view name) const;
  // The folders in which the uploads of a site's import arrive.
  [[nodiscard]] std::vector<std::string> inboxes(const Site& site) const;
};

} // namespace tandem::model
