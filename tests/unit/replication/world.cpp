#include "world.hpp"

#include "base/text.hpp"

namespace tandem::replication {

using system::FileStatus;
using system::FileType;
using system::Outcome;
using system::Row;

namespace {

constexpr std::string_view signal_file = "/standby.signal";
constexpr std::string_view control_file = "/global/pg_control";

std::string folder_of(const std::string& path, std::string_view file) {
  return path.ends_with(file) ? path.substr(0, path.size() - file.size()) : "";
}

std::string option(const std::vector<std::string>& arguments, std::string_view name) {
  for (const auto& argument : arguments)
    if (argument.starts_with(name)) return argument.substr(name.size());
  return {};
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::vector<Row> one(std::string value) {
  return {Row{std::move(value)}};
}

} // namespace

DatabaseTools World::tools() {
  return {.files = files,
          .processes = processes,
          .services = services,
          .databases = databases,
          .clock = clock,
          .layout = system::postgres_layout(15),
          .self = "duo",
          .pause = [this](std::chrono::milliseconds time) {
            clock.now += time;
            return true;
          }};
}

void World::spend() {
  if (!power) return;
  if (*power == 0) throw PowerCut{};
  --*power;
}

void World::boot() {
  power.reset();
  running = false;
}

bool World::follows() const {
  const auto found = clusters.find(data);
  const auto upstream = texts.find(system::upstream_path(system::postgres_layout(15)));
  return running && found != clusters.end() && found->second.standby && found->second.identifier == copied &&
         !wal_gone && !deaf && !diverged && primary_answers && upstream != texts.end() &&
         contains(upstream->second, "host=10.0.0.1 ");
}

bool World::said_any(std::string_view part) const {
  return std::ranges::any_of(said, [&](const auto& line) { return contains(line, part); });
}

std::vector<std::string> World::kept() const {
  std::vector<std::string> folders;
  for (const auto& [folder, cluster] : clusters)
    if (folder != data) folders.push_back(folder);
  return folders;
}

Result<std::optional<FileStatus>> FakeFiles::status(const std::string& path) {
  const FileStatus file{.type = FileType::regular, .mode = 0600, .uid = 101, .gid = 101};
  const FileStatus folder{.type = FileType::folder, .mode = 0700, .uid = 101, .gid = 101};
  if (world_.clusters.contains(path)) return folder;
  if (world_.texts.contains(path)) return file;
  const auto standby = world_.clusters.find(folder_of(path, signal_file));
  if (standby != world_.clusters.end() && standby->second.standby) return file;
  const auto control = world_.clusters.find(folder_of(path, control_file));
  if (control != world_.clusters.end() && !control->second.identifier.empty()) return file;
  return std::nullopt;
}

Result<std::string> FakeFiles::read(const std::string& path) {
  const auto found = world_.texts.find(path);
  if (found == world_.texts.end()) return fail(ErrorKind::not_found, "there is no " + path);
  return found->second;
}

Result<void> FakeFiles::remove(const std::string& path) {
  world_.spend();
  world_.texts.erase(path);
  return {};
}

Result<std::vector<std::string>> FakeFiles::list(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& [name, text] : world_.texts)
    if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
  for (const auto& [name, cluster] : world_.clusters)
    if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
  if (path.ends_with("/pg_wal") && world_.clusters.contains(path.substr(0, path.size() - 7))) return names;
  if (names.empty() && !world_.texts.contains(path)) return fail(ErrorKind::not_found, "there is no " + path);
  return names;
}

Result<void> FakeFiles::write(const std::string& path, const std::string& content, std::uint32_t /*mode*/,
                              system::Ownership owner) {
  const bool ours = path.ends_with(".tandem-rewinding");
  if (owner.uid != 101 && !ours) return failed(path + " has to belong to postgres");
  world_.spend();
  if (const auto folder = folder_of(path, signal_file); !folder.empty())
    world_.clusters.at(folder).standby = true;
  else
    world_.texts[path] = content;
  return {};
}

Result<void> FakeFiles::rename(const std::string& from, const std::string& to) {
  world_.spend();
  if (world_.clusters.contains(to)) return failed("renaming over " + to + ": Directory not empty");
  if (from == World::data && world_.running) return failed(from + " is renamed below a running PostgreSQL");
  world_.clusters[to] = world_.clusters.at(from);
  if (to == World::data) world_.diverged = false;
  world_.clusters.erase(from);
  return {};
}

Result<void> FakeFiles::remove_tree(const std::string& path) {
  if (world_.texts.contains(path)) { // the real one takes a file as well
    world_.spend();
    world_.texts.erase(path);
    return {};
  }
  const auto found = world_.clusters.find(path);
  if (found == world_.clusters.end()) return {};
  world_.spend();
  found->second.identifier.clear(); // half of it is gone
  world_.spend();
  world_.clusters.erase(found);
  return {};
}

Outcome FakeProcesses::copy(const std::string& folder, const system::LineSink& on_line) {
  if (world_.clusters.contains(folder)) return {1, false, {}, "directory exists but is not empty"};
  const auto here = world_.clusters.find(World::data);
  const bool follows = world_.running && here != world_.clusters.end() && here->second.standby &&
                       here->second.identifier == World::copied && !world_.wal_gone && !world_.deaf; // by the same slot
  if (world_.slot_taken-- > 0 || follows)
    return {1, false, {}, "pg_basebackup: error: replication slot \"tandem_duo\" is active for PID 4711"};
  world_.spend();
  world_.clusters[folder] = Cluster{.identifier = "", .state = "", .made = "the primary's"};
  on_line("     12/40960 kB (0%), 0/1 tablespace");
  world_.spend();
  on_line("  20480/40960 kB (50%), 0/1 tablespace");
  world_.clusters[folder].identifier = World::copied;
  world_.clusters[folder].state = "in production"; // as the primary was when it was copied
  on_line("  40960/40960 kB (100%), 1/1 tablespace");
  return {};
}

Outcome FakeProcesses::control(const std::string& folder) {
  const auto& cluster = world_.clusters.at(folder);
  static const std::string used = "Latest checkpoint's TimeLineID:       2\n"
                                  "Latest checkpoint's PrevTimeLineID:   1\n"
                                  "Latest checkpoint's NextOID:          24665\n";
  static const std::string parted = "Latest checkpoint's TimeLineID:       1\n"
                                    "Latest checkpoint's PrevTimeLineID:   1\n"
                                    "Latest checkpoint's NextOID:          24665\n";
  static const std::string untouched = "Latest checkpoint's TimeLineID:       1\n"
                                       "Latest checkpoint's PrevTimeLineID:   1\n"
                                       "Latest checkpoint's NextOID:          13572\n";
  return {0,
          false,
          "pg_control version number:            1300\n"
          "Database system identifier:           " +
              cluster.identifier +
              "\n"
              "Database cluster state:               " +
              cluster.state +
              "\n"
              "Latest checkpoint location:           0/3000028\n"
              "Latest checkpoint's REDO location:    0/3000028\n" +
              (world_.diverged                                        ? parted
               : cluster.made.empty() && cluster.state == "shut down" ? untouched
                                                                      : used) +
              "Bytes per WAL segment:                16777216\n",
          {}};
}

Outcome FakeProcesses::keep_wal(const std::vector<std::string>& arguments) {
  const auto& folder = arguments.back();
  world_.clusters[folder] = Cluster{.identifier = "WAL", .state = "", .made = arguments.at(2)};
  return {};
}

Result<Outcome> FakeProcesses::run(const system::Command& command, const system::LineSink& on_line) {
  ran.push_back(command);
  const auto& program = command.arguments[0];
  const bool is_postgres = command.user == "postgres";
  if (program.ends_with("/pg_basebackup") && is_postgres) return copy(option(command.arguments, "--pgdata="), on_line);
  if (program.ends_with("/pg_controldata") && is_postgres) return control(command.arguments.back());
  if (program.ends_with("/pg_waldump") && is_postgres)
    return Outcome{0, false, "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/03000028, ", {}};
  if (program.ends_with("/pg_rewind") && is_postgres) {
    if (world_.running) return Outcome{1, false, {}, "pg_rewind: fatal: target server must be shut down cleanly"};
    world_.diverged = false;
    world_.here().made = "the primary's";
    world_.here().standby = false; // as the primary's data directory, which has no such file
    return Outcome{};
  }
  if (program == "cp" && is_postgres) return keep_wal(command.arguments);
  if (program == "install" || program == "sync") return Outcome{};
  if (program.ends_with("/psql") && command.arguments.back() == "--command=checkpoint") return Outcome{};
  if (program.ends_with("/psql") && world_.primary_answers)
    return Outcome{0, false, std::string(World::copied) + "|2|0/3000060|\n", {}};
  if (program.ends_with("/psql")) return Outcome{2, false, {}, "connection refused"};
  if (program == "journalctl") return Outcome{0, false, "the last word\n", {}};
  return failed("nobody knows " + program);
}

Result<system::UnitStatus> FakeServices::status(const std::string& unit) {
  if (unit != "postgresql@15-main.service") return failed("not asked for: " + unit);
  return system::UnitStatus{.load = "loaded", .active = world_.running ? "active" : "inactive"};
}

Result<void> FakeServices::start(const std::string& /*unit*/) {
  world_.spend();
  const auto found = world_.clusters.find(World::data);
  if (found == world_.clusters.end() || found->second.identifier.empty()) return failed("there is no data directory");
  if (world_.will_not_start) return failed("Job for postgresql@15-main.service failed");
  found->second.state = found->second.standby ? "in archive recovery" : "in production";
  world_.running = true;
  return {};
}

Result<void> FakeServices::stop(const std::string& /*unit*/) {
  world_.spend();
  if (world_.running) world_.here().state = world_.here().standby ? "shut down in recovery" : "shut down";
  world_.running = false;
  return {};
}

Result<std::vector<Row>> FakeDatabases::query(const std::string& /*database*/, const std::string& statement,
                                              const std::vector<std::string>& parameters) {
  if (!world_.running) return fail(ErrorKind::unavailable, "connecting to PostgreSQL: No such file or directory");
  auto& cluster = world_.here();
  if (world_.promoting && world_.slow_promotion-- <= 0) {
    world_.promoting = false;
    cluster.standby = false;
  }
  if (contains(statement, "system_identifier")) {
    const auto position = to_wal_text(world_.received);
    const bool parts = cluster.standby && world_.diverged; // it streams up to the fork, for a moment
    const bool tries = cluster.standby && world_.wal_gone && world_.clock.now % std::chrono::seconds(5) < World::a_try;
    return std::vector<Row>{{cluster.standby ? "t" : "f", cluster.identifier, parts ? "1" : "2", position, position,
                             position, parts || tries || world_.follows() ? "streaming" : "", std::nullopt}};
  }
  if (contains(statement, "from pg_class")) return one(cluster.made.empty() && !cluster.standby ? "0" : "3");
  if (contains(statement, "pg_promote")) {
    world_.spend();
    world_.promoting = true;
    return one("t");
  }
  if (contains(statement, "pg_create_physical")) {
    world_.spend();
    world_.slots.insert(parameters.at(0));
    return std::vector<Row>{};
  }
  if (contains(statement, "pg_drop_replication_slot")) {
    if (parameters.empty()) world_.slots.clear();
    return std::vector<Row>{};
  }
  if (statement == "select pg_is_in_recovery()") return one(cluster.standby ? "t" : "f");
  if (contains(statement, "greatest(pg_last_wal_receive_lsn()")) {
    world_.received = std::min(world_.received + 64, world_.sent);
    return one(to_wal_text(world_.received));
  }
  if (contains(statement, "pg_stat_replication") || contains(statement, "pg_replication_slots"))
    return std::vector<Row>{};
  return failed("not asked for: " + statement);
}

} // namespace tandem::replication
