#include "base/text.hpp"
#include "setup/subjects.hpp"
#include "system/postgres_layout.hpp"

namespace tandem::setup {

namespace {

using converge::Reaction;
using converge::ReactionKind;

constexpr auto* certificates = system::postgres_certificates;
using Names = system::PostgresLayout;

std::string quoted(const std::string& value) {
  return "'" + replace_all(value, "'", "''") + "'";
}

std::string megabytes(model::Bytes bytes) {
  return std::to_string(bytes >> 20U) + "MB";
}

// What every server has, so that any of them can become primary without a restart.
std::string settings_text(const View& view) {
  std::map<std::string, std::string> settings{
      {"listen_addresses", "*"},
      {"wal_level", "replica"},
      {"max_wal_senders", "10"},
      {"max_replication_slots", "10"},
      {"max_slot_wal_keep_size", megabytes(view.pair.database.slot_limit)},
      {"wal_keep_size", "256MB"},
      {"wal_log_hints", "on"}, // pg_rewind needs it where there are no data checksums
      {"hot_standby", "on"},
      {"password_encryption", "scram-sha-256"},
      {"ssl", "on"},
      {"ssl_min_protocol_version", "TLSv1.2"},
      {"ssl_cert_file", std::string(certificates) + "/server.pem"},
      {"ssl_key_file", std::string(certificates) + "/server.key"},
      {"ssl_ca_file", std::string(certificates) + "/ca.pem"},
      {"cluster_name", view.self},
  };
  for (const auto& [name, value] : view.pair.database.settings)
    settings[name] = value;
  std::string text = header();
  for (const auto& [name, value] : settings)
    text += name + " = " + quoted(value) + "\n";
  return text;
}

// Where a standby takes the WAL from. A primary keeps an empty upstream; a running server takes a change on reload.
std::string upstream_text(const View& view) {
  if (view.is_primary()) return system::no_upstream_text();
  return system::upstream_text(view.self, view.pair.server(view.primary)->peer_address);
}

// Whose database role has another name than the user whom the site runs as: role -> user.
std::map<std::string, std::string> mapped_roles(const View& view) {
  std::map<std::string, std::string> roles;
  for (const auto& site : view.pair.sites)
    if (site.database && site.database->owner != site.owner) roles[site.database->owner] = site.owner;
  return roles;
}

std::string access_text(const View& view) {
  std::string text = header();
  text += "local all postgres peer map=tandem\n";
  // In quotes a name is never one of PostgreSQL's own words, such as "all".
  for (const auto& [role, user] : mapped_roles(view))
    text += fmt::format("local all \"{}\" peer map=tandem\n", role);
  text += "local all all peer\n";
  for (const auto& server : view.pair.servers) {
    if (server.name == view.self) continue;
    const auto host = server.peer_address + (server.peer_address.contains(':') ? "/128" : "/32");
    text += fmt::format("hostssl replication replicator {} cert map=tandem-servers\n", host);
    text += fmt::format("hostssl postgres replicator {} cert map=tandem-servers\n", host);
  }
  return text;
}

std::string identities_text(const View& view) {
  std::string text = header();
  text += "tandem root postgres\n"
          "tandem postgres postgres\n";
  for (const auto& [role, user] : mapped_roles(view))
    text += fmt::format("tandem {} \"{}\"\n", user, role);
  for (const auto& server : view.pair.servers)
    text += "tandem-servers " + server.name + " replicator\n";
  return text;
}

// Debian's own unit goes through pg_ctlcluster, which sleeps and asks: 2.3 s a start instead of 80 ms.
std::string drop_in_text(const Names& names) {
  return header() + fmt::format("[Service]\n"
                                "Type=notify\n"
                                "User=postgres\n"
                                "ExecStart=\n"
                                "ExecStart={}/postgres -D {} -c config_file={}/postgresql.conf\n"
                                "ExecStop=\n"
                                "ExecReload=\n"
                                "ExecReload=/bin/kill -HUP $MAINPID\n"
                                "KillMode=mixed\n"
                                "KillSignal=SIGINT\n"
                                "PIDFile=\n"
                                "RuntimeDirectory=\n"
                                "TimeoutStartSec=infinity\n"
                                "TimeoutStopSec=5min\n"
                                "Restart=no\n",
                                names.binaries, names.data, names.config);
}

converge::File owned(std::string path, std::string content, std::uint32_t mode) {
  return {
      .path = std::move(path), .content = std::move(content), .mode = mode, .owner = "postgres", .group = "postgres"};
}

void add_certificates(Resources& out, const View& view, const Names& names) {
  const std::string why = "PostgreSQL between the servers";
  const auto& self = view.server();
  std::vector<std::string> subject{self.name, self.address};
  if (self.peer_address != self.address) subject.push_back(self.peer_address);
  if (self.address6) subject.push_back(*self.address6);
  out.push_back({.kind = converge::Folder{.path = "/etc/tandem", .mode = 0755},
                 .why = "tandem's own files",
                 .after = {"packages"}});
  out.push_back({.kind = converge::Folder{.path = certificates}, .why = why});
  out.push_back({.kind = converge::File{.path = std::string(certificates) + "/ca.pem", .content = view.ca_certificate},
                 .why = why,
                 .reactions = {{ReactionKind::reload, names.unit}}});
  out.push_back({.kind = converge::Certificate{.path = std::string(certificates) + "/server.pem",
                                               .key_path = std::string(certificates) + "/server.key",
                                               .names = std::move(subject),
                                               .key_owner = "postgres",
                                               .key_group = "postgres"},
                 .why = why,
                 .reactions = {{ReactionKind::reload, names.unit}}});
}

std::string settings_path(const Names& names) {
  return names.config + "/conf.d/50-tandem.conf";
}

// PostgreSQL reads all its settings as it does when it starts, and ends. Not with -D: that must be there already, and a
// standby has none before its first copy. Run as the user who starts it, who must be able to read them, too.
converge::FileCheck settings_check(const Names& names) {
  return {{"runuser", "-u", "postgres", "--", names.binaries + "/postgres", "-C", "data_directory", "-c",
           "config_file=" + names.config + "/postgresql.conf", "-c", "data_directory=" + names.data, "-c",
           "log_line_prefix="}};
}

void add_configuration(Resources& out, const View& view, const Names& names) {
  const std::string why = "PostgreSQL with replication";
  const Reaction reload{ReactionKind::reload, names.unit};
  const auto add = [&](converge::File file, std::vector<Reaction> reactions) {
    out.push_back({.kind = std::move(file), .why = why, .reactions = std::move(reactions), .after = {"packages"}});
  };
  const auto checked = [&](converge::File file) {
    file.check = settings_check(names);
    return file;
  };
  // Neighbours: a check belongs to both.
  add(checked(owned(settings_path(names), settings_text(view), 0644)), {reload});
  add(checked(owned(system::upstream_path(names), upstream_text(view), 0644)), {reload});
  // Of these two the check sees nothing; their lines hold nothing that a person wrote but names and addresses.
  add(owned(names.config + "/pg_hba.conf", access_text(view), 0640), {reload});
  add(owned(names.config + "/pg_ident.conf", identities_text(view), 0640), {reload});
  // Only the agent starts PostgreSQL, once it knows the role.
  add(owned(names.config + "/start.conf", header() + "manual\n", 0644), {{ReactionKind::reload_manager, ""}});
  const auto folder = "/etc/systemd/system/" + names.unit + ".d";
  out.push_back({.kind = converge::Folder{.path = folder}, .why = why});
  add({.path = folder + "/tandem.conf", .content = drop_in_text(names)},
      {{ReactionKind::reload_manager, ""}, {ReactionKind::restart, names.unit}});
}

void add_contents(Resources& out, const View& view) {
  const auto add = [&](converge::Kind kind, const std::string& why) {
    out.push_back({.kind = std::move(kind), .why = why});
  };
  add(converge::DatabaseRole{.name = "replicator", .login = true, .replication = true}, "replication");
  // What pg_rewind calls on the new primary: postgresql.org/docs/15/app-pgrewind.html, "Notes".
  add(converge::DatabaseGrant{"replicator",
                              {"pg_catalog.pg_ls_dir(text, boolean, boolean)", "pg_catalog.pg_stat_file(text, boolean)",
                               "pg_catalog.pg_read_binary_file(text)",
                               "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)"}},
      "rejoin by pg_rewind");
  for (const auto& server : view.pair.servers)
    if (server.name != view.self)
      add(converge::ReplicationSlot{system::replication_slot(server.name)}, "standby " + server.name);
  for (const auto& site : view.pair.sites) {
    if (!site.database) continue;
    add(converge::DatabaseRole{.name = site.database->owner}, "site " + site.domain);
    add(converge::Database{site.database->name, site.database->owner, site.database->extensions},
        "site " + site.domain);
  }
}

} // namespace

void add_postgres(Resources& out, const View& view) {
  const auto names = system::postgres_layout(view.release.postgres);
  add_certificates(out, view, names);
  add_configuration(out, view, names);
  // Debian's umbrella unit starts every cluster at boot.
  out.push_back({.kind = converge::Unit{.name = "postgresql.service", .enabled = false, .running = std::nullopt},
                 .why = "only the agent starts PostgreSQL"});
  // A standby's PostgreSQL begins with its first copy, which replication makes.
  if (view.is_primary())
    out.push_back({.kind = converge::Unit{.name = names.unit, .enabled = std::nullopt, .running = true},
                   .why = "this server is the primary"});
  out.push_back(
      {.kind = converge::DatabaseRestart{.unit = names.unit,
                                         .path = settings_path(names),
                                         .content = settings_text(view),
                                         .standby = !view.is_primary(),
                                         .control_data = {names.binaries + "/pg_controldata", "-D", names.data}},
       .why = "settings that a reload cannot change"});
  if (view.is_primary()) add_contents(out, view);
}

} // namespace tandem::setup
