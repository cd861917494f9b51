#include "keys/key_proofs.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::proofs {

namespace {

// A line with a key that is not given is left out. Where a key stands in several tables of a kind, the one that has it
// changed is one of its own, so that a change of it leaves alone what the others prove.
constexpr auto* file_template = R"([pair]
name = {pair.name}
admin_mail = {pair.admin_mail}
port = {pair.port}

[host]
timezone = {host.timezone}
packages = {host.packages}
time_servers = {host.time_servers}
mail = {host.mail}
firewall = {host.firewall}
security_updates = {host.security_updates}
repair = {host.repair}

[[server]]
name = {server.name}
address = "%primary_address%"
address6 = {server.address6}
peer_address = {server.peer_address}
[[server]]
name = "%standby%"
address = {server.address}

[[user]]
name = "andrey"
uid = 1000
groups = ["sudo", "www-data"]
[[user]]
name = "nikolays"
uid = 1001
groups = ["sudo", "www-data"]
[[user]]
name = {user.name}
uid = {user.uid}
[[user]]
name = "importer"
sftp_only = true
ssh_keys = ["%key_two% visitor"]
folders = ["import"]
[[user]]
name = "keeper"
primary_group = {user.primary_group}
groups = {user.groups}
sudo_nopasswd = {user.sudo_nopasswd}
ssh_keys = {user.ssh_keys}
[[user]]
name = "courier"
ssh_keys = ["%key_two% visitor"]
sftp_only = {user.sftp_only}
password_file = {user.password_file}
folders = {user.folders}

[database]
settings = {database.settings}
slot_limit = {database.slot_limit}

[files]
replicate = {files.replicate}
exclude = {files.exclude}
reconcile = {files.reconcile}
deletion_guard = {files.deletion_guard}

[cache]
memcached = {cache.memcached}
redis = {cache.redis}

[certificates]
acme = {certificates.acme}
ca_bundle = {certificates.ca_bundle}
renew_before = {certificates.renew_before}

[dns]
provider = {dns.provider=none}
server = {dns.server}
key_file = {dns.key_file}
command = {dns.command}
ttl = {dns.ttl}

[alerts]
mail = {alerts.mail}
command = {alerts.command}
replica_lag = {alerts.replica_lag}
certificate = {alerts.certificate}
disk = {alerts.disk}

[logs]
rotate = {logs.rotate=weekly}
keep = {logs.keep}

[role]
authority = {role.authority=operator}
standby = {role.standby=cold}
fence = {role.fence}
drain = {role.drain}
hold = {role.hold}

[[site]]
domain = "probe.test"
aliases = {site.aliases}
repo = {site.repo}
branch = {site.branch}
webhook_secret_file = {site.webhook_secret_file}
owner = {site.owner}
wsgi = {site.wsgi}
environment = {site.environment}
environment_file = {site.environment_file}
requirements = {site.requirements}
pip_options = {site.pip_options}
serve = {site.serve}
deploy_steps = {site.deploy_steps}
on_promote = {site.on_promote}
health = {site.health}
max_body = {site.max_body}
basic_auth = {site.basic_auth}
nginx_extra = {site.nginx_extra}
[[site.folders]]
name = "static"
[[site.folders]]
name = "pictures"
[[site.folders]]
name = "log"
[[site.folders]]
name = {site.folders.name}
[[site.folders]]
name = "drawer"
owner = {site.folders.owner}
group = {site.folders.group}
replicate = {site.folders.replicate}
[site.uwsgi]
processes = {site.uwsgi.processes}
threads = {site.uwsgi.threads}
harakiri = {site.uwsgi.harakiri}
settings = {site.uwsgi.settings}
[site.database]
name = {site.database.name}
owner = {site.database.owner}
extensions = {site.database.extensions}
[site.celery]
app = {site.celery.app}
beat = {site.celery.beat}
[[site.celery.worker]]
name = {site.celery.worker.name}
queues = {site.celery.worker.queues}
concurrency = {site.celery.worker.concurrency}
[site.import]
user = {site.import.user}
pattern = {site.import.pattern}
run = {site.import.run}
[[site.job]]
name = {site.job.name}
schedule = {site.job.schedule}
run = {site.job.run}

[[site]]
domain = {site.domain}
repo = "git@tre:probe-one.git"
deploy_key = {site.deploy_key}
repo_host_keys = ["tre %host_key%"]
owner = "nikolays"
wsgi = "probe:application"
pip_options = ["--no-index", "--find-links", "/srv/wheels"]
folders = [{ name = "log" }]

[[site]]
domain = "pinned.test"
repo = "git@tre:probe-one.git"
deploy_key = "secrets/probe-right.key"
repo_host_keys = {site.repo_host_keys}
owner = "nikolays"
wsgi = "probe:application"
pip_options = ["--no-index", "--find-links", "/srv/wheels"]
folders = [{ name = "log" }]

)";

Values values(bool (*takes_after)(const Proof&, Change), Change change) {
  Values all;
  for (const auto& proof : key_proofs())
    all[proof.key] = takes_after(proof, change) ? proof.after : proof.before;
  return all;
}

} // namespace

const std::vector<Proof>& key_proofs() {
  static const auto made = [] {
    std::vector<Proof> all;
    for (auto part : {pair_proofs, service_proofs, site_proofs, role_proofs})
      std::ranges::move(part(), std::back_inserter(all));
    return all;
  }();
  return made;
}

std::string with_facts(std::string text, const Facts& facts) {
  for (const auto& [name, value] : facts)
    text = replace_all(std::move(text), "%" + name + "%", value);
  return text;
}

Facts sample_facts() {
  const std::string key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICiznu4FvNy81JRcwf2nAde2WIbqvATwzOCh1P4dMGNX";
  const std::string other_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDs3ZzW6mvMsXcUL5cu8Qw3z1qZ3cMN5sVb0Lr2yJp4x";
  return {{"primary", "uno"},  {"primary_address", "10.77.0.11"},
          {"standby", "duo"},  {"standby_address", "10.77.0.12"},
          {"key_one", key},    {"key_two", other_key},
          {"host_key", key},   {"wrong_host_key", other_key},
          {"moment", "before"}};
}

Values values_before() {
  return values([](const Proof&, Change) { return false; }, Change::work);
}

Values values_after(Change change) {
  return values([](const Proof& proof, Change wanted) { return proof.change == wanted; }, change);
}

std::string toml_with(const Values& values, const Facts& facts) {
  std::string text;
  for (const auto& line : lines_of(file_template)) {
    const auto open = line.find(" = {");
    if (open == std::string::npos || !line.ends_with('}')) {
      text += line + "\n";
      continue;
    }
    const auto found = values.find(line.substr(open + 4, line.size() - open - 5));
    const auto value = found == values.end() ? std::string() : found->second;
    if (!value.empty()) text += line.substr(0, open) + " = " + value + "\n";
  }
  return with_facts(std::move(text), facts);
}

} // namespace tandem::proofs
