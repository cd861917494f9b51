// A Debian server in memory, as far as setup's resources meet it: what its packages bring along, and a PostgreSQL that
// runs while its unit does.
#pragma once
#include "fakes/halts.hpp"
#include "fakes/issuer.hpp"
#include "fakes/server.hpp"
#include "setup/setup.hpp"

namespace tandem::setup::testing {

inline constexpr auto* postgres_unit = "postgresql@15-main.service";

// Roles, databases, slots and grants, by the very statements that converge uses.
class Postgres final : public system::Databases {
public:
  Postgres(fakes::Power& power, fakes::Services& services) : power_(power), services_(services) {}

  std::map<std::string, std::pair<bool, bool>> roles; // may log in, may replicate
  std::map<std::string, std::string> owners;          // of databases
  std::set<std::string> shut;                         // databases that not every role may connect to
  std::map<std::string, std::set<std::string>> extensions;
  std::set<std::string> slots;
  std::set<std::string> grants;
  bool in_recovery = false;
  // What each setting that only a restart changes runs with, and those that a reload found to differ.
  std::map<std::string, std::string> fixed;
  std::set<std::string> pending;

  Result<std::vector<system::Row>> query(const std::string& database, const std::string& statement,
                                         const std::vector<std::string>& parameters) override {
    if (services_.units[postgres_unit].active != "active")
      return fail(ErrorKind::unavailable, "connecting to PostgreSQL: no server");
    if (statement.starts_with("SELECT") && !statement.contains("pg_create_physical"))
      return read(database, statement, parameters);
    TANDEM_CHECK(power_.spend());
    change(database, statement, parameters);
    return std::vector<system::Row>{};
  }

private:
  static std::string text(bool value) { return value ? "t" : "f"; }

  // What stands between the nth pair of double quotes.
  static std::string name_in(const std::string& statement, std::size_t nth = 0) {
    return split(statement, '"').at(2 * nth + 1);
  }

  std::vector<system::Row> read(const std::string& database, const std::string& statement,
                                const std::vector<std::string>& parameters) {
    std::vector<system::Row> rows;
    const auto is_about = [&](std::string_view what) { return statement.contains(what); };
    if (is_about("pg_is_in_recovery"))
      rows.push_back({text(in_recovery)});
    else if (is_about("boot_val"))
      for (const auto& [name, value] : fixed) {
        const std::map<std::string, std::string> own{{"shared_buffers", "16384"}, {"max_connections", "100"}};
        if (parameters[0].contains('"' + name + '"')) rows.push_back({name, value, own.at(name)});
      }
    else if (is_about("pending_restart"))
      for (const auto& name : pending)
        rows.push_back({name});
    else if (is_about("context = 'postmaster'"))
      for (const auto& [name, value] : fixed) {
        if (parameters[0].contains('"' + name + '"')) rows.push_back({name, value});
      }
    else if (is_about("FROM unnest"))
      for (const auto& function : grants)
        rows.push_back({function});
    else if (is_about("FROM pg_roles") && roles.contains(parameters[0]))
      rows.push_back({text(roles[parameters[0]].first), text(roles[parameters[0]].second)});
    else if (is_about("FROM pg_database") && owners.contains(parameters[0]))
      rows.push_back({owners[parameters[0]], text(!shut.contains(parameters[0]))});
    else if (is_about("FROM pg_extension"))
      for (const auto& extension : extensions[database])
        rows.push_back({extension});
    else if (is_about("FROM pg_replication_slots") && slots.contains(parameters[0]))
      rows.push_back({"physical"});
    return rows;
  }

  void change(const std::string& database, const std::string& statement, const std::vector<std::string>& parameters) {
    if (statement.contains("ROLE") && !statement.starts_with("GRANT"))
      roles[name_in(statement)] = {!statement.contains("NOLOGIN"), !statement.contains("NOREPLICATION")};
    else if (statement.starts_with("GRANT"))
      grants.insert(statement.substr(26, statement.find(" TO ") - 26)); // behind "GRANT EXECUTE ON FUNCTION "
    else if (statement.starts_with("REVOKE CONNECT"))
      shut.insert(name_in(statement));
    else if (statement.contains("EXTENSION"))
      extensions[database].insert(name_in(statement));
    else if (statement.contains("DATABASE"))
      owners[name_in(statement)] = name_in(statement, 1);
    else
      slots.insert(parameters.at(0));
  }

  fakes::Power& power_;
  fakes::Services& services_;
};

struct SilentObserver final : converge::Observer {
  void starting(const converge::Change& /*change*/) override {}

  void line(std::string_view /*text*/) override {}

  void finished(const converge::Change& /*change*/) override {}
};

struct FreeTurns final : converge::ReactionTurns {
  Result<void> take(const converge::Reaction& /*reaction*/) override { return {}; }

  void give_back(const converge::Reaction& /*reaction*/, bool /*done*/) override {}
};

struct Debian : fakes::Server {
  Debian() {
    for (const auto* folder : {"/etc", "/etc/systemd", "/etc/systemd/system", "/var", "/var/lib", "/home", "/root"})
      files.put_folder(folder);
    for (const auto* group : {"www-data", "adm"})
      accounts.table.groups.push_back({group, 33 + static_cast<std::uint32_t>(accounts.table.groups.size()), {}});
    accounts.table.users.push_back({"www-data", 33, 33, "/var/www", "/usr/sbin/nologin"});
    packages.on_install = [this](const std::string& name) { unpack(name); };
    accounts.on_add_user = [this](const system::NewUser& user) { files.put_folder(user.home); };
  }

  Result<converge::Applied> apply(const Resources& resources, std::optional<fakes::Halts::Point> cut = {}) {
    halts = {};
    halts.cut = cut;
    clock.wall += std::chrono::seconds(1);
    converge::ApplyContext context{
        .ports = all, .issuer = issuer, .turns = turns, .observer = observer, .halts = halts};
    return converge::apply(resources, context);
  }

  Result<converge::Plan> plan(const Resources& resources) { return converge::plan_only(resources, all, issuer); }

  // Whether an old content was kept aside.
  [[nodiscard]] bool has_kept(const std::string& content) const {
    return std::ranges::any_of(files.entries(), [&](const auto& entry) {
      return entry.first.starts_with("/var/lib/tandem/kept/") && entry.second.content == content;
    });
  }

  // All that is on it, but for what was kept, which has times in its names.
  [[nodiscard]] std::string picture() {
    std::string text;
    for (const auto& [path, entry] : files.entries())
      if (!path.starts_with("/var/lib/tandem/kept"))
        text += fmt::format("{} {:o} {}:{} {}{}\n", path, entry.status.mode, entry.status.uid, entry.status.gid,
                            entry.status.target, entry.content);
    for (const auto& user : accounts.table.users)
      text += fmt::format("user {} {} {} {}\n", user.name, user.uid, user.gid, user.shell);
    for (const auto& group : accounts.table.groups)
      text += fmt::format("group {} {} {}\n", group.name, group.gid, join(group.members, ","));
    for (const auto& [name, unit] : services.units)
      text += fmt::format("unit {} {} {}\n", name, unit.active, unit.file);
    for (const auto& [name, may] : postgres.roles)
      text += fmt::format("role {} {} {}\n", name, may.first, may.second);
    for (const auto& [name, owner] : postgres.owners)
      text += fmt::format("database {} {} {}\n", name, owner, postgres.extensions[name].size());
    return text + fmt::format("{} slots, {} grants, {} packages\n", postgres.slots.size(), postgres.grants.size(),
                              packages.present.size());
  }

  fakes::Issuer issuer{clock.wall};
  SilentObserver observer;
  FreeTurns turns;
  fakes::Halts halts;
  Postgres postgres{power, services};
  system::Ports all{files, processes, services, packages, accounts, postgres, clock};

private:
  void unpack(const std::string& name) {
    if (name == "sudo") {
      files.put_folder("/etc/sudoers.d");
      accounts.table.groups.push_back({"sudo", 27, {}});
    } else if (name == "openssh-server") {
      files.put_folder("/etc/ssh");
      files.put_folder("/etc/ssh/sshd_config.d");
      services.put("ssh.service", "active", "enabled");
    } else if (name == "nginx") {
      files.put_folder("/etc/nginx");
      files.put_folder("/etc/nginx/sites-enabled");
      files.put("/etc/nginx/nginx.conf", "Debian's own nginx.conf\n");
      files.put_folder("/etc/logrotate.d"); // logrotate's, which comes with it
      files.put("/etc/logrotate.d/nginx", "Debian's own rotation\n");
      files.put("/etc/nginx/sites-enabled/default", "Debian's own default\n");
      services.put("nginx.service", "active", "enabled");
    } else if (name == "postgresql") {
      accounts.table.groups.push_back({"postgres", 110, {}});
      accounts.table.users.push_back({"postgres", 110, 110, "/var/lib/postgresql", "/bin/bash"});
      for (const auto* folder :
           {"/etc/postgresql", "/etc/postgresql/15", "/etc/postgresql/15/main", "/etc/postgresql/15/main/conf.d"})
        files.put_folder(folder);
      for (const std::string file : {"pg_hba.conf", "pg_ident.conf", "start.conf"})
        files.put("/etc/postgresql/15/main/" + file, "Debian's own " + file + "\n");
      services.put("postgresql.service", "active", "enabled");
      services.put(postgres_unit, "inactive", "static");
    } else if (name == "redis-server") {
      accounts.table.groups.push_back({"redis", 111, {}});
      accounts.table.users.push_back({"redis", 111, 111, "/var/lib/redis", "/usr/sbin/nologin"});
      files.put_folder("/etc/redis");
      files.put_folder("/var/lib/redis");
      files.put("/etc/redis/redis.conf", "Debian's own redis.conf\n");
      services.put("redis-server.service", "active", "enabled");
      services.put("redis-server@queue.service", "inactive", "disabled");
    } else if (name == "tzdata") {
      files.put("/etc/timezone", "Etc/UTC\n");
    }
  }
};

} // namespace tandem::setup::testing
