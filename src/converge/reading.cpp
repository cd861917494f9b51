#include "converge/reading.hpp"

#include "base/text.hpp"

namespace tandem::converge {

namespace {

constexpr auto proof_limit = std::chrono::seconds(10);

template <class Entry>
std::string name_or_number(const Entry* entry, std::uint32_t number) {
  return entry != nullptr ? entry->name : std::to_string(number);
}

bool unreachable(const Error& error) {
  return error.kind == ErrorKind::unavailable;
}

std::string array_literal(const std::vector<std::string>& values) {
  std::string text = "{";
  for (const auto& value : values)
    text += (text.size() > 1 ? ",\"" : "\"") + value + "\"";
  return text + "}";
}

} // namespace

Result<Reading> Reader::read(const Kind& kind) {
  return std::visit([this](const auto& one) { return read_one(one); }, kind);
}

Result<const system::AccountTable*> Reader::accounts() {
  if (!accounts_) {
    TANDEM_TRY(accounts_, ports_.accounts.read());
  }
  return &*accounts_;
}

void Reader::forget() {
  accounts_.reset();
  packages_.reset();
}

Result<const std::map<std::string, std::string>*> Reader::installed() {
  if (!packages_) {
    TANDEM_TRY(packages_, ports_.packages.installed());
  }
  return &*packages_;
}

Result<Reading> Reader::read_one(const PackageSet& packages) {
  TANDEM_TRY(const auto* installed_now, installed());
  PackagesReading reading;
  for (const auto& name : packages.names)
    if (!installed_now->contains(name)) reading.missing.push_back(name);
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const Group& group) {
  TANDEM_TRY(const auto* table, accounts());
  GroupReading reading;
  if (const auto* entry = table->group(group.name)) reading.gid = entry->gid;
  if (group.gid)
    if (const auto* other = table->group(*group.gid); other != nullptr && other->name != group.name)
      reading.taken_by = other->name;
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const User& user) {
  TANDEM_TRY(const auto* table, accounts());
  UserReading reading;
  if (const auto* other = table->user(user.uid); other != nullptr && other->name != user.name)
    reading.taken_by = other->name;
  if (const auto* entry = table->user(user.name)) {
    reading.entry = *entry;
    reading.primary_group = name_or_number(table->group(entry->gid), entry->gid);
  }
  for (const auto& name : user.groups) {
    const auto* group = table->group(name);
    if (group == nullptr || std::ranges::find(group->members, user.name) == group->members.end())
      reading.missing_groups.push_back(name);
  }
  return Reading{std::move(reading)};
}

Result<PathReading> Reader::path(const std::string& path, bool with_content) {
  PathReading reading;
  TANDEM_TRY(reading.status, ports_.files.status(path));
  if (!reading.status) return reading;
  TANDEM_TRY(const auto* table, accounts());
  reading.owner = name_or_number(table->user(reading.status->uid), reading.status->uid);
  reading.group = name_or_number(table->group(reading.status->gid), reading.status->gid);
  reading.author = Authorship::elsewhere;
  if (with_content && reading.status->type == system::FileType::regular) {
    TANDEM_TRY(reading.content, ports_.files.read(path));
    reading.author = ledger_.author(path, *reading.content);
  }
  return reading;
}

Result<Reading> Reader::read_one(const Folder& folder) {
  TANDEM_TRY(auto reading, path(folder.path, false));
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const File& file) {
  TANDEM_TRY(auto reading, path(file.path, true));
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const Absent& absent) {
  TANDEM_TRY(auto reading, path(absent.path, false));
  if (!reading.status && !absent.package.empty()) {
    TANDEM_TRY(const auto* packages, installed());
    reading.coming = !packages->contains(absent.package);
  }
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const Link& link) {
  TANDEM_TRY(auto reading, path(link.path, false));
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const Unit& unit) {
  TANDEM_TRY(auto status, ports_.services.status(unit.name));
  UnitReading reading{.status = std::move(status)};
  if (!unit.proof.empty() && reading.status.active == "active") {
    const auto proven = ports_.processes.run({.arguments = unit.proof, .time_limit = proof_limit});
    reading.undone = !proven || !proven->ok();
  }
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const DatabaseRole& role) {
  auto rows = ports_.databases.query("postgres", "SELECT rolcanlogin, rolreplication FROM pg_roles WHERE rolname = $1",
                                     {role.name});
  if (!rows && unreachable(rows.error())) return Reading{DatabaseReading{}};
  if (!rows) return std::unexpected(std::move(rows).error());
  DatabaseReading reading{.reachable = true, .exists = !rows->empty(), .owner = {}, .missing = {}};
  if (reading.exists) {
    reading.login = rows->front()[0] == "t";
    reading.replication = rows->front()[1] == "t";
  }
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const Database& database) {
  const auto* statement = "SELECT pg_get_userbyid(datdba), has_database_privilege('public', oid, 'CONNECT')"
                          " FROM pg_database WHERE datname = $1";
  auto rows = ports_.databases.query("postgres", statement, {database.name});
  if (!rows && unreachable(rows.error())) return Reading{DatabaseReading{}};
  if (!rows) return std::unexpected(std::move(rows).error());
  DatabaseReading reading{.reachable = true, .exists = !rows->empty(), .owner = {}, .missing = database.extensions};
  if (!reading.exists) return Reading{std::move(reading)};
  reading.owner = rows->front()[0].value_or("");
  reading.open_to_all = rows->front()[1] == "t";
  if (database.extensions.empty()) return Reading{std::move(reading)};
  TANDEM_TRY(const auto present, ports_.databases.query(database.name, "SELECT extname FROM pg_extension"));
  for (const auto& row : present)
    std::erase(reading.missing, row[0].value_or(""));
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const ReplicationSlot& slot) {
  auto rows = ports_.databases.query("postgres", "SELECT slot_type FROM pg_replication_slots WHERE slot_name = $1",
                                     {slot.name});
  if (!rows && unreachable(rows.error())) return Reading{DatabaseReading{}};
  if (!rows) return std::unexpected(std::move(rows).error());
  return Reading{DatabaseReading{.reachable = true, .exists = !rows->empty(), .owner = {}, .missing = {}}};
}

Result<Reading> Reader::read_one(const DatabaseGrant& grant) {
  const auto* statement = "SELECT f FROM unnest($2::text[]) f WHERE EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)"
                          " AND has_function_privilege($1, f, 'EXECUTE')";
  auto rows = ports_.databases.query("postgres", statement, {grant.role, array_literal(grant.functions)});
  if (!rows && unreachable(rows.error())) return Reading{DatabaseReading{}};
  if (!rows) return std::unexpected(std::move(rows).error());
  DatabaseReading reading{.reachable = true, .exists = true, .owner = {}, .missing = grant.functions};
  for (const auto& row : *rows)
    std::erase(reading.missing, row[0].value_or(""));
  return Reading{std::move(reading)};
}

Result<DatabaseSettings> Reader::fixed_while_running(const std::vector<std::string>& names) {
  const auto* statement = "SELECT lower(name), current_setting(name) FROM pg_settings"
                          " WHERE context = 'postmaster' AND lower(name) = ANY ($1::text[])";
  DatabaseSettings settings;
  if (names.empty()) return settings;
  TANDEM_TRY(const auto rows, ports_.databases.query("postgres", statement, {array_literal(names)}));
  for (const auto& row : rows)
    settings[row[0].value_or("")] = row[1].value_or("");
  return settings;
}

Result<std::vector<std::string>> Reader::waiting_for_restart(const DatabaseRestart& restart) {
  // PostgreSQL takes a reload some time after it was asked for; a look into the files makes this connection know now.
  TANDEM_CHECK(ports_.databases.query("postgres", "SELECT count(*) FROM pg_file_settings"));
  TANDEM_TRY(const auto rows,
             ports_.databases.query("postgres", "SELECT name FROM pg_settings WHERE pending_restart ORDER BY name"));
  std::set<std::string> waiting;
  for (const auto& row : rows)
    waiting.insert(row[0].value_or(""));
  TANDEM_TRY(const auto file, path(restart.path, true));
  const auto wanted = parse_settings(restart.content);
  const auto changing = differing_names(parse_settings(file.content.value_or("")), wanted);
  TANDEM_TRY(const auto fixed, fixed_while_running(changing));
  for (const auto& [name, value] : fixed) {
    // Back to the value that it never ceased to run with.
    if (const auto found = wanted.find(name); found != wanted.end() && found->second == value)
      waiting.erase(name);
    else
      waiting.insert(name);
  }
  return std::vector<std::string>(waiting.begin(), waiting.end());
}

Result<std::vector<std::string>> Reader::held_back(const DatabaseRestart& restart,
                                                   const std::vector<std::string>& names) {
  // What they will have: from tandem's file, else from another one, else PostgreSQL's own value.
  const auto* statement =
      "SELECT lower(s.name), s.setting, coalesce((SELECT f.setting FROM pg_file_settings f WHERE lower(f.name) ="
      " lower(s.name) AND f.sourcefile <> $2 ORDER BY f.seqno DESC LIMIT 1), s.boot_val)"
      " FROM pg_settings s WHERE lower(s.name) = ANY ($1::text[])";
  std::vector<std::string> lowered;
  std::vector<std::string> held;
  if (std::ranges::none_of(names, standby_needs_as_much)) return held;
  TANDEM_TRY(const auto rows, ports_.databases.query("postgres", statement, {array_literal(names), restart.path}));
  const auto wanted = parse_settings(restart.content);
  std::map<std::string, std::int64_t> then;
  for (const auto& row : rows) {
    const auto name = row[0].value_or("");
    const auto found = wanted.find(name);
    const auto now = to_number(row[1].value_or(""));
    const auto value = to_number(found != wanted.end() ? found->second : row[2].value_or(""));
    if (!standby_needs_as_much(name) || (now && value && *value >= *now)) continue;
    lowered.push_back(name);
    if (value) then[name] = *value;
  }
  if (lowered.empty()) return held;
  TANDEM_TRY(const auto said, system::run_checked(ports_.processes, {.arguments = restart.control_data,
                                                                     .environment = {{"LC_ALL", "C"}},
                                                                     .time_limit = std::chrono::seconds(20)}));
  const auto needed = needed_by_standby(said.output);
  for (const auto& name : lowered)
    if (!then.contains(name) || !needed.contains(name) || then[name] < needed.at(name)) held.push_back(name);
  return held;
}

Result<Reading> Reader::read_one(const DatabaseRestart& restart) {
  if (restart.standby) {
    auto rows = ports_.databases.query("postgres", "SELECT pg_is_in_recovery()");
    if (!rows && unreachable(rows.error())) return Reading{DatabaseReading{}};
    if (!rows) return std::unexpected(std::move(rows).error());
    if (rows->empty() || rows->front()[0] != "t") return Reading{DatabaseReading{}};
  }
  auto waiting = waiting_for_restart(restart);
  if (!waiting && unreachable(waiting.error())) return Reading{DatabaseReading{}};
  if (!waiting) return std::unexpected(std::move(waiting).error());
  DatabaseReading reading{.reachable = true, .exists = true, .owner = {}, .missing = std::move(*waiting)};
  if (restart.standby) {
    TANDEM_TRY(reading.held_back, held_back(restart, reading.missing));
    if (!reading.held_back.empty()) reading.missing.clear();
  }
  return Reading{std::move(reading)};
}

Result<Reading> Reader::read_one(const Certificate& certificate) {
  CertificateReading reading{.facts = {}, .key = {}, .now = ports_.clock.wall_time()};
  TANDEM_TRY(reading.key, path(certificate.key_path, false));
  TANDEM_TRY(const auto shown, path(certificate.path, false));
  if (!shown.status || shown.status->type != system::FileType::regular) return Reading{std::move(reading)};
  TANDEM_TRY(const auto pem, ports_.files.read(certificate.path));
  if (auto facts = issuer_.inspect(pem)) reading.facts = std::move(*facts); // an unreadable one is issued anew
  return Reading{std::move(reading)};
}

} // namespace tandem::converge
