#include "config/reserved.hpp"

#include "base/text.hpp"

namespace tandem::config::reserved {

namespace {

using Reserved = std::map<std::string, std::string, std::less<>>;

struct Group {
  std::string reason;
  std::vector<std::string> names;
};

Reserved flatten(const std::vector<Group>& groups) {
  Reserved all;
  for (const auto& [reason, names] : groups)
    for (const auto& name : names)
      all.emplace(name, reason);
  return all;
}

const std::string* find(const Reserved& names, std::string_view name) {
  const auto found = names.find(name);
  return found == names.end() ? nullptr : &found->second;
}

const Reserved users = flatten({
    {"it is a system account",
     {"root",
      "daemon",
      "bin",
      "sys",
      "sync",
      "games",
      "man",
      "lp",
      "mail",
      "news",
      "uucp",
      "proxy",
      "backup",
      "list",
      "irc",
      "_apt",
      "nobody",
      "www-data",
      "messagebus",
      "sshd",
      "systemd-network",
      "systemd-resolve",
      "systemd-timesync"}},
    {"it belongs to a service that tandem runs", {"postgres", "redis", "memcache", "tandem", "Debian-exim", "uwsgi"}},
});

const Reserved database_settings = flatten({
    {"tandem sets it for replication between the servers",
     {"wal_level",
      "hot_standby",
      "hot_standby_feedback",
      "primary_conninfo",
      "primary_slot_name",
      "max_wal_senders",
      "max_replication_slots",
      "synchronous_standby_names",
      "synchronous_commit",
      "recovery_target",
      "recovery_target_action",
      "recovery_target_inclusive",
      "recovery_target_lsn",
      "recovery_target_name",
      "recovery_target_time",
      "recovery_target_timeline",
      "recovery_target_xid",
      "promote_trigger_file",
      "wal_log_hints",
      "restore_command",
      "archive_cleanup_command",
      "recovery_end_command",
      "cluster_name"}},
    {"without it, what was acknowledged could be lost", {"fsync", "full_page_writes"}},
    {"tandem sets it from database.slot_limit", {"max_slot_wal_keep_size"}},
    {"tandem sets it so that only the servers of the pair reach the database",
     {"listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "unix_socket_group", "hba_file",
      "ident_file", "password_encryption"}},
    {"tandem sets it for the pair's own certificates",
     {"ssl", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_crl_file", "ssl_crl_dir", "ssl_min_protocol_version",
      "ssl_max_protocol_version", "ssl_passphrase_command", "ssl_passphrase_command_supports_reload"}},
    {"it is where Debian's packages keep the cluster", {"data_directory", "config_file", "external_pid_file"}},
});

const std::string own_role = "it belongs to tandem";
const std::string system_role = "PostgreSQL keeps names that begin with pg_ for itself";

const Reserved database_roles = flatten({
    {"it is PostgreSQL's own superuser, and a site must not be one", {"postgres"}},
    {own_role, {"tandem", "replicator"}},
    {"it is a word of SQL", {"public", "none", "current_user", "session_user", "user", "current_role"}},
});

const Reserved database_names = flatten({
    {"it is PostgreSQL's own", {"postgres", "template0", "template1"}},
    {"in pg_hba.conf it means something else", {"all", "replication", "sameuser", "samerole", "samegroup"}},
    {"it belongs to tandem", {"tandem"}},
});

const Reserved uwsgi_options = flatten({
    {"nginx and the deploy of a release depend on it",
     {"socket", "uwsgi-socket", "http", "http-socket", "https", "https-socket", "http11-socket", "fastcgi-socket",
      "scgi-socket", "raw-socket", "chmod-socket", "chown-socket", "stats", "master-fifo", "need-app", "vacuum"}},
    {"the unit of systemd depends on it",
     {"master", "daemonize", "daemonize2", "pidfile", "pidfile2", "safe-pidfile", "die-on-term", "emperor", "vassal",
      "touch-chain-reload"}},
    {"it follows from the site's release",
     {"chdir", "chdir2", "virtualenv", "venv", "home", "pyhome", "pythonpath", "python-path", "pp", "plugin",
      "plugins"}},
    {"it follows from the site's wsgi", {"module", "wsgi", "wsgi-file", "file", "callable", "mount", "pyargv"}},
    {"it follows from the site's owner", {"uid", "gid", "immediate-uid", "immediate-gid", "cap", "chroot"}},
    {"the site's environment has a key of its own", {"env"}},
    {"it has a key of its own in [site.uwsgi]", {"processes", "workers", "threads", "enable-threads", "harakiri"}},
});

const Reserved environment = flatten({
    {"it follows from the site's virtualenv", {"VIRTUAL_ENV", "PYTHONHOME", "PATH"}},
    {"it follows from the site's owner", {"HOME", "USER", "LOGNAME"}},
    {"it changes how every program starts", {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"}},
});

const Reserved site_folders = flatten({
    {"it is the link to the release's virtualenv", {"env"}},
});

// With everything below them.
const Reserved local = flatten({
    {"it belongs to one server alone",
     {"/bin",
      "/boot",
      "/dev",
      "/etc",
      "/lib",
      "/lib64",
      "/proc",
      "/root",
      "/run",
      "/sbin",
      "/sys",
      "/tmp",
      "/usr",
      "/var/lib/dpkg",
      "/var/lib/postgresql",
      "/var/lib/redis",
      "/var/lib/systemd",
      "/var/lib/tandem",
      "/var/log",
      "/var/run",
      "/var/spool/tandem",
      "/var/tmp"}},
});

// Those that hold such folders; others below them may be replicated.
const Reserved shared = flatten({{"parts of it belong to one server alone", {"/var", "/var/lib", "/var/spool"}}});

const Reserved pip_options = flatten({
    {"packages go into the site's virtualenv",
     {"--target", "-t", "--prefix", "--root", "--user", "--python", "--break-system-packages"}},
    {"the site's requirements name the files", {"-r", "--requirement", "-e", "--editable"}},
});

} // namespace

const std::string* user(std::string_view name) {
  return find(users, name);
}

const std::string* database_setting(std::string_view name) {
  return find(database_settings, name);
}

const std::string* database_role(std::string_view name) {
  if (name.starts_with("pg_")) return &system_role;
  if (name.starts_with("tandem_")) return &own_role;
  return find(database_roles, name);
}

const std::string* database_name(std::string_view name) {
  return find(database_names, name);
}

// uWSGI takes "_" for "-" in the names of its options.
const std::string* uwsgi_option(std::string_view name) {
  return find(uwsgi_options, replace_all(std::string(name), "_", "-"));
}

const std::string* environment_variable(std::string_view name) {
  return find(environment, name);
}

const std::string* site_folder(std::string_view name) {
  return find(site_folders, name);
}

const std::string* replicated_path(std::string_view path) {
  if (const auto* reason = find(shared, path)) return reason;
  for (const auto& [folder, reason] : local)
    if (path == folder || path.starts_with(folder + "/")) return &reason;
  return nullptr;
}

const std::string* pip_option(std::string_view option) {
  const bool is_short = option.size() > 2 && option[0] == '-' && option[1] != '-'; // its value may follow at once
  return find(pip_options, is_short ? option.substr(0, 2) : option.substr(0, option.find('=')));
}

} // namespace tandem::config::reserved
