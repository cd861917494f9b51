#include "adopt/toml.hpp"

#include "config/units.hpp"

namespace tandem::adopt {

namespace {

std::string text_of(std::string_view value) {
  std::string text = "\"";
  for (const char letter : value) {
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter;
  }
  return text + "\"";
}

std::string list_of(const std::vector<std::string>& values) {
  std::string text = "[";
  for (const auto& value : values)
    text += (text.size() > 1 ? ", " : "") + text_of(value);
  return text + "]";
}

std::string table_of(const std::map<std::string, std::string>& values) {
  std::string text = "{";
  for (const auto& [name, value] : values)
    text += (text.size() > 1 ? ", " : " ") + text_of(name) + " = " + text_of(value);
  return text + " }";
}

class TomlWriter {
public:
  void table(const std::string& name) { text_ += (text_.empty() ? "" : "\n") + name + "\n"; }

  void line(const std::string& key, const std::string& value) { text_ += key + " = " + value + "\n"; }

  void text(const std::string& key, const std::string& value, const std::string& usual = {}) {
    if (value != usual) line(key, text_of(value));
  }

  void list(const std::string& key, const std::vector<std::string>& value, const std::vector<std::string>& usual = {}) {
    if (value != usual) line(key, list_of(value));
  }

  void map(const std::string& key, const std::map<std::string, std::string>& value) {
    if (!value.empty()) line(key, table_of(value));
  }

  void flag(const std::string& key, bool value, bool usual) {
    if (value != usual) line(key, value ? "true" : "false");
  }

  void file(const std::string& key, const std::optional<model::SecretFile>& value) {
    if (value) line(key, text_of(value->text));
  }

  [[nodiscard]] const std::string& written() const { return text_; }

private:
  std::string text_;
};

void write_host(TomlWriter& out, const model::Host& host) {
  const model::Host usual;
  if (host == usual) return;
  out.table("[host]");
  out.text("timezone", host.timezone, usual.timezone);
  out.list("time_servers", host.time_servers);
  out.list("packages", host.packages);
  out.text("mail", host.mail);
  out.flag("firewall", host.firewall, usual.firewall);
  out.flag("security_updates", host.security_updates, usual.security_updates);
  out.flag("repair", host.repair, usual.repair);
}

void write_people(TomlWriter& out, const model::Pair& pair) {
  for (const auto& server : pair.servers) {
    out.table("[[server]]");
    out.text("name", server.name);
    out.text("address", server.address);
    if (server.address6) out.text("address6", *server.address6);
    out.text("peer_address", server.peer_address, server.address);
  }
  for (const auto& user : pair.users) {
    out.table("[[user]]");
    out.text("name", user.name);
    if (user.uid) out.line("uid", std::to_string(*user.uid));
    if (user.primary_group) out.text("primary_group", *user.primary_group);
    out.list("groups", user.groups);
    out.flag("sudo_nopasswd", user.sudo_nopasswd, false);
    out.list("ssh_keys", user.ssh_keys);
    out.flag("sftp_only", user.sftp_only, false);
    out.file("password_file", user.password_file);
    out.list("folders", user.folders);
  }
}

void write_services(TomlWriter& out, const model::Pair& pair) {
  const model::Pair usual;
  if (pair.database != usual.database) {
    out.table("[database]");
    out.map("settings", pair.database.settings);
    if (pair.database.slot_limit != usual.database.slot_limit)
      out.text("slot_limit", config::show_size(pair.database.slot_limit));
  }
  if (pair.files != usual.files) {
    out.table("[files]");
    out.list("replicate", pair.files.replicate, usual.files.replicate);
    out.list("exclude", pair.files.exclude, usual.files.exclude);
    if (pair.files.reconcile != usual.files.reconcile)
      out.text("reconcile", config::show_duration(pair.files.reconcile));
  }
  if (pair.cache != usual.cache) {
    out.table("[cache]");
    if (pair.cache.memcached) out.text("memcached", config::show_size(*pair.cache.memcached));
    if (pair.cache.redis != usual.cache.redis) out.text("redis", config::show_size(pair.cache.redis));
  }
  if (!pair.certificates.acme.empty()) {
    out.table("[certificates]");
    out.text("acme", pair.certificates.acme);
  }
}

void write_folders(TomlWriter& out, const std::vector<model::SiteFolder>& folders) {
  if (folders.empty()) return;
  std::string text = "[\n";
  for (const auto& folder : folders) {
    text += "  { name = " + text_of(folder.name);
    if (folder.owner) text += ", owner = " + text_of(*folder.owner);
    if (folder.group) text += ", group = " + text_of(*folder.group);
    if (!folder.replicate) text += ", replicate = false";
    text += " },\n";
  }
  out.line("folders", text + "]");
}

void write_work(TomlWriter& out, const model::Site& site) {
  if (site.celery) {
    out.table("[site.celery]");
    out.text("app", site.celery->app);
    out.flag("beat", site.celery->beat, false);
    for (const auto& worker : site.celery->workers) {
      out.table("[[site.celery.worker]]");
      out.text("name", worker.name);
      out.list("queues", worker.queues);
      if (worker.concurrency != 1) out.line("concurrency", std::to_string(worker.concurrency));
    }
  }
  if (site.import) {
    out.table("[site.import]");
    out.text("user", site.import->user);
    out.text("pattern", site.import->pattern, "*");
    out.text("run", site.import->run);
  }
  for (const auto& job : site.jobs) {
    out.table("[[site.job]]");
    out.text("name", job.name);
    out.text("schedule", job.schedule);
    out.text("run", job.run);
  }
}

void write_site(TomlWriter& out, const model::Site& site) {
  const model::Site usual;
  out.table("[[site]]");
  out.text("domain", site.domain);
  out.list("aliases", site.aliases);
  out.text("repo", site.repo);
  out.text("branch", site.branch, usual.branch);
  out.file("deploy_key", site.deploy_key);
  out.file("webhook_secret_file", site.webhook_secret_file);
  out.list("repo_host_keys", site.repo_host_keys);
  out.text("owner", site.owner);
  out.text("wsgi", site.wsgi);
  out.map("environment", site.environment);
  out.file("environment_file", site.environment_file);
  out.text("requirements", site.requirements, usual.requirements);
  out.list("pip_options", site.pip_options);
  write_folders(out, site.folders);
  out.map("serve", site.serve);
  out.list("deploy_steps", site.deploy_steps);
  out.list("on_promote", site.on_promote);
  out.text("health", site.health, usual.health);
  if (site.max_body != usual.max_body) out.text("max_body", config::show_size(site.max_body));
  out.file("basic_auth", site.basic_auth);
  out.file("nginx_extra", site.nginx_extra);
  if (site.uwsgi != usual.uwsgi) {
    out.table("[site.uwsgi]");
    out.line("processes", std::to_string(site.uwsgi.processes));
    out.line("threads", std::to_string(site.uwsgi.threads));
    if (site.uwsgi.harakiri != usual.uwsgi.harakiri) out.text("harakiri", config::show_duration(site.uwsgi.harakiri));
    out.map("settings", site.uwsgi.settings);
  }
  if (site.database) {
    out.table("[site.database]");
    out.text("name", site.database->name);
    out.text("owner", site.database->owner);
    out.list("extensions", site.database->extensions);
  }
  write_work(out, site);
}

} // namespace

std::string to_toml(const model::Pair& pair) {
  TomlWriter out;
  out.table("[pair]");
  out.text("name", pair.name);
  out.text("admin_mail", pair.admin_mail);
  if (pair.port != model::Pair().port) out.line("port", std::to_string(pair.port));
  write_host(out, pair.host);
  write_people(out, pair);
  write_services(out, pair);
  for (const auto& site : pair.sites)
    write_site(out, site);
  return out.written();
}

} // namespace tandem::adopt
