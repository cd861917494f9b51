#include "adopt/read_server.hpp"

#include "adopt/ini_file.hpp"
#include "adopt/read_copies.hpp"
#include "adopt/unit_file.hpp"
#include "base/text.hpp"

namespace tandem::adopt {

namespace {

constexpr auto* units_folder = "/etc/systemd/system";
constexpr std::uint64_t longest_file = 1U << 20U; // no configuration that a person wrote is longer

// Files that may be there, by their paths or by the folders that they lie in.
constexpr std::array single_files{"/etc/timezone",
                                  "/etc/hosts",
                                  "/etc/aliases",
                                  "/etc/mailname",
                                  "/etc/crontab",
                                  "/etc/sudoers",
                                  "/etc/memcached.conf",
                                  "/etc/redis/redis.conf",
                                  "/etc/exim4/update-exim4.conf.conf",
                                  "/etc/systemd/timesyncd.conf",
                                  "/etc/ssh/sshd_config",
                                  "/etc/nginx/nginx.conf"};
constexpr std::array file_folders{"/etc/sudoers.d",           "/etc/cron.d",
                                  "/etc/cron.hourly",         "/etc/cron.daily",
                                  "/etc/cron.weekly",         "/etc/cron.monthly",
                                  "/var/spool/cron/crontabs", "/etc/nginx/sites-enabled",
                                  "/etc/nginx/conf.d",        "/etc/uwsgi/apps-enabled",
                                  "/etc/letsencrypt/renewal"};

class ServerReader {
public:
  ServerReader(const system::Ports& ports, Found& found, const system::LineSink& progress)
      : ports_(ports), found_(found), progress_(progress) {}

  Result<void> read() {
    progress_("reading accounts and packages");
    TANDEM_TRY(found_.accounts, ports_.accounts.read());
    TANDEM_CHECK(read_packages());
    progress_("reading what stands in /etc");
    for (const auto* path : single_files)
      read_file(path);
    for (const auto* folder : file_folders)
      read_folder(folder);
    read_link("/etc/localtime");
    read_keys();
    read_services();
    read_clusters();
    read_packaged();
    found_.is_primary = is_there("/primary_server");
    found_.has_pair = is_there("/var/lib/tandem/pair.json");
    progress_("asking PostgreSQL");
    read_postgres();
    progress_("reading the sites in /www");
    read_copies(ports_, found_);
    for (const auto& copy : found_.copies)
      for (const auto& path : copy.settings)
        read_file(path);
    return {};
  }

private:
  bool is_there(const std::string& path) {
    const auto status = ports_.files.status(path);
    return status && *status;
  }

  void read_file(const std::string& path) {
    const auto status = ports_.files.status(path);
    if (!status || !*status || (*status)->type == system::FileType::folder || (*status)->size > longest_file) return;
    if (auto text = ports_.files.read(path)) found_.files[path] = *std::move(text);
  }

  void read_link(const std::string& path) {
    const auto status = ports_.files.status(path);
    if (status && *status && (*status)->type == system::FileType::link) found_.links[path] = (*status)->target;
  }

  void read_folder(const std::string& folder) {
    const auto names = ports_.files.list(folder);
    if (!names) return;
    for (const auto& name : *names)
      if (!name.starts_with('.')) read_file(folder + "/" + name);
  }

  Result<void> read_packages() {
    const auto status = ports_.files.read("/var/lib/dpkg/status");
    if (!status) return std::unexpected(Error(status.error()).within("reading the packages"));
    std::set<std::string> automatic;
    if (const auto states = ports_.files.read("/var/lib/apt/extended_states")) {
      std::string name;
      for (const auto& line : lines_of(*states)) {
        if (line.starts_with("Package: ")) name = line.substr(9);
        if (line == "Auto-Installed: 1") automatic.insert(name);
      }
    }
    found_.packages = parse_packages(*status, automatic);
    return {};
  }

  static std::vector<PackageFound> parse_packages(const std::string& status, const std::set<std::string>& automatic) {
    std::vector<PackageFound> packages;
    PackageFound one;
    bool installed = false;
    auto lines = lines_of(status);
    lines.emplace_back();
    for (const auto& line : lines) {
      if (line.starts_with("Package: ")) one.name = line.substr(9);
      if (line.starts_with("Priority: ")) one.priority = line.substr(10);
      if (line.starts_with("Section: ")) one.section = line.substr(9);
      if (line.starts_with("Status: ")) installed = line == "Status: install ok installed";
      if (!line.empty()) continue;
      one.automatic = automatic.contains(one.name);
      if (installed && !one.name.empty()) packages.push_back(one);
      one = {};
      installed = false;
    }
    return packages;
  }

  void read_keys() {
    for (const auto& user : found_.accounts.users)
      if (user.uid >= 1000 && user.home.starts_with('/')) read_file(user.home + "/.ssh/authorized_keys");
  }

  // What starts at boot: the links in *.wants name the instances of templates.
  void read_services() {
    const auto names = ports_.files.list(units_folder);
    if (!names) return;
    std::set<std::string> seen;
    for (const auto& name : *names) {
      if (name.ends_with(".service")) {
        const auto path = units_folder + ("/" + name);
        const auto status = ports_.files.status(path);
        const bool is_file = status && *status && (*status)->type == system::FileType::regular;
        if (is_file && !name.ends_with("@.service") && seen.insert(name).second) add_service(name, path);
      }
      if (!name.ends_with(".wants")) continue;
      const auto wanted = ports_.files.list(units_folder + ("/" + name));
      if (!wanted) continue;
      for (const auto& unit : *wanted) {
        const auto at = unit.find('@');
        if (!unit.ends_with(".service") || at == std::string::npos) continue;
        const auto path = units_folder + ("/" + unit.substr(0, at + 1) + ".service");
        if (is_there(path) && seen.insert(unit).second) add_service(unit, path);
      }
    }
  }

  void add_service(const std::string& name, const std::string& path) {
    ServiceUnit unit{.name = name, .path = path};
    const auto at = name.find('@');
    if (at != std::string::npos) unit.instance = name.substr(at + 1, name.rfind('.') - at - 1);
    read_file(path);
    if (const auto* text = found_.file(path))
      for (const auto& variables : variable_files_of(unit, *text))
        read_file(variables);
    const auto words = understand_service(unit, found_).words;
    for (const auto& ini : ini_files_of(words))
      read_file(ini);
    read_folder(emperor_folder_of(words));
    found_.services.push_back(std::move(unit));
  }

  void read_clusters() {
    const auto versions = ports_.files.list("/etc/postgresql");
    if (!versions) return;
    for (const auto& version : *versions) {
      const auto clusters = ports_.files.list("/etc/postgresql/" + version);
      if (!clusters) continue;
      for (const auto& cluster : *clusters) {
        found_.clusters.push_back("/etc/postgresql/" + version + "/" + cluster);
        read_file(found_.clusters.back() + "/pg_hba.conf");
      }
    }
  }

  void read_packaged() {
    constexpr auto* folder = "/var/lib/dpkg/info";
    const auto names = ports_.files.list(folder);
    if (!names) return;
    for (const auto& name : *names) {
      if (!name.ends_with(".list")) continue;
      const auto list = ports_.files.read(folder + ("/" + name));
      if (!list) continue;
      for (const auto& path : lines_of(*list))
        if (found_.files.contains(path)) found_.packaged.insert(path);
    }
  }

  using Row = std::vector<std::string>;

  // By psql as the user postgres, whom every PostgreSQL lets in: root it lets in only where tandem has told it so.
  std::vector<Row> ask(const std::string& database, const std::string& statement) {
    const auto outcome = ports_.processes.run(
        {.arguments = {"psql", "-XAtq", "--field-separator=\x1f", "--record-separator=\x1e", "-d", database, "-c",
                       statement},
         .environment = {{"PGOPTIONS", "-c default_transaction_read_only=on"}, {"PGCONNECT_TIMEOUT", "10"}},
         .user = "postgres",
         .time_limit = std::chrono::seconds(30)});
    std::vector<Row> rows;
    if (!outcome || !outcome->ok()) return rows;
    for (const auto& row : split(without_line_end(outcome->output), '\x1e'))
      if (!row.empty()) rows.push_back(split(row, '\x1f'));
    return rows;
  }

  void read_postgres() {
    auto& postgres = found_.postgres;
    const auto recovery = ask("postgres", "SELECT pg_is_in_recovery()");
    if (recovery.empty()) return;
    postgres.answers = true;
    postgres.standby = recovery[0][0] == "t";
    for (const auto& row : ask("postgres", "SELECT name, setting, sourcefile, sourceline FROM pg_file_settings "
                                           "WHERE applied ORDER BY seqno"))
      if (row.size() == 4)
        postgres.settings.push_back(
            {row[0], row[1], row[2],
             static_cast<std::size_t>(std::max<std::int64_t>(to_number(row[3]).value_or(0), 0))});
    for (const auto& row : ask("postgres", "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL"))
      postgres.roles_with_password.insert(row[0]);
    for (const auto& row : ask("postgres", "SELECT datname, pg_get_userbyid(datdba) FROM pg_database "
                                           "WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY datname")) {
      if (row.size() != 2) continue;
      DatabaseFound database{row[0], row[1], {}};
      for (const auto& extension :
           ask(database.name, "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"))
        database.extensions.push_back(extension[0]);
      postgres.databases.push_back(std::move(database));
    }
  }

  const system::Ports& ports_;
  Found& found_;
  const system::LineSink& progress_;
};

} // namespace

Result<Found> read_server(const system::Ports& ports, const system::MachineFacts& machine,
                          const system::LineSink& progress) {
  Found found;
  found.machine = machine;
  TANDEM_CHECK(ServerReader(ports, found, progress).read());
  return found;
}

} // namespace tandem::adopt
