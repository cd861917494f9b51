#include "sites/site_database.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"
#include "system/pause.hpp"

#include <array>

namespace tandem::sites {

namespace {

constexpr auto longest_work = std::chrono::hours(24);   // of one program on a large database
constexpr auto longest_swap = std::chrono::seconds(30); // of one attempt: PostgreSQL ends its statements before
constexpr int swap_attempts = 5;
constexpr int most_asked = 20; // PostgreSQL recovers from a crash meanwhile
constexpr auto ask_again = std::chrono::milliseconds(500);
constexpr auto* administrator = "--username=postgres"; // as whom pg_ident.conf lets root in

// The rights and settings of database $1, as statements that give them to database $2. PostgreSQL keeps a setting that
// is a list quoted already.
constexpr std::string_view rights_query =
    "select format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', $2::text, pg_get_userbyid(datdba)) from pg_database "
    "where datname = $1 and datacl is not null union all "
    "select format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, $2::text, case a.grantee when 0 then 'PUBLIC' "
    "else quote_ident(pg_get_userbyid(a.grantee)) end, case when a.is_grantable then ' WITH GRANT OPTION' else '' end) "
    "from pg_database d, aclexplode(d.datacl) a where d.datname = $1";
constexpr std::string_view settings_query =
    "select case when s.setrole = 0 then format('ALTER DATABASE %I', $2::text) else format('ALTER ROLE %I IN DATABASE "
    "%I', pg_get_userbyid(s.setrole), $2::text) end || format(' SET %I TO ', split_part(c, '=', 1)) || case when "
    "split_part(c, '=', 1) in ('search_path', 'temp_tablespaces', 'local_preload_libraries', "
    "'session_preload_libraries', 'unix_socket_directories') and c not like '%=' then substr(c, strpos(c, '=') + 1) "
    "else quote_literal(substr(c, strpos(c, '=') + 1)) end from pg_db_role_setting s join pg_database d on d.oid = "
    "s.setdatabase, unnest(s.setconfig) c where d.datname = $1";
// Made of template0, so that what a dump holds meets nothing; to a limit of 0 the administrator alone is no exception.
constexpr std::string_view creation_query =
    "select format('CREATE DATABASE %I OWNER %I TEMPLATE template0 CONNECTION LIMIT 0 ENCODING %L LC_COLLATE %L "
    "LC_CTYPE %L', $2::text, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype) || case "
    "datlocprovider when 'i' then format(' LOCALE_PROVIDER icu ICU_LOCALE %L', locale) when 'b' then format(' "
    "LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', locale) else ' LOCALE_PROVIDER libc' end from (select *, "
    "coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale') as locale from pg_database d) d where "
    "datname = $1";

Result<std::vector<std::string>> statements(const DatabaseWork& work, std::string_view query,
                                            const std::vector<std::string>& parameters) {
  TANDEM_TRY(const auto rows, work.ports.databases.query("postgres", std::string(query), parameters));
  std::vector<std::string> all;
  for (const auto& row : rows)
    all.push_back(row.at(0).value_or(""));
  return all;
}

// A process of its own: what takes long must not keep the agent from asking PostgreSQL.
Result<void> run_statements(const DatabaseWork& work, const std::string& database, const std::vector<std::string>& all,
                            std::chrono::milliseconds limit = longest_work) {
  if (all.empty()) return {};
  system::Command command{.arguments = {work.postgres.binaries + "/psql", "--no-psqlrc", "--quiet", "--no-password",
                                        "--set=ON_ERROR_STOP=1", administrator, "--dbname=" + database},
                          .time_limit = limit};
  for (const auto& statement : all)
    command.arguments.push_back("--command=" + statement);
  TANDEM_CHECK(run_checked(work.ports.processes, command));
  return {};
}

// Tells each table as pg_dump or pg_restore, with --verbose, comes to it.
system::LineSink tables(const Progress& progress) {
  return [&progress](std::string_view line) {
    for (const std::string_view words : {"dumping contents of ", "processing data for "})
      if (const auto at = line.find(words); at != std::string_view::npos)
        progress("  " + std::string(line.substr(at + words.size())));
  };
}

std::vector<std::string> gently(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"nice", "-n", "10", "ionice", "-c", "2", "-n", "7"});
  return arguments;
}

} // namespace

std::string sql_name(std::string_view name) {
  return "\"" + replace_all(std::string(name), "\"", "\"\"") + "\"";
}

std::string SiteDatabase::folder() const {
  return work_.state + "/dumps/" + site_.domain;
}

Result<void> at_point(const DatabaseWork& work, std::string_view point) {
  return work.reached ? work.reached(point) : Result<void>();
}

// ---- dumps

Result<std::vector<Dump>> SiteDatabase::dumps() {
  auto names = work_.ports.files.list(folder());
  if (!names && names.error().kind == ErrorKind::not_found) return std::vector<Dump>{};
  if (!names) return std::unexpected(std::move(names).error());
  std::vector<Dump> all;
  for (const auto& name : *names) {
    auto dump = dump_of_file(name);
    if (!dump) continue;
    TANDEM_TRY(const auto status, work_.ports.files.status(folder() + "/" + name));
    if (!status || status->type != system::FileType::regular) continue;
    dump->size = status->size;
    all.push_back(*dump);
  }
  return all;
}

Result<std::uint64_t> SiteDatabase::size() {
  TANDEM_TRY(const auto rows,
             work_.ports.databases.query(
                 "postgres", "select pg_database_size(datname) from pg_database where datname = $1", {name()}));
  const auto bytes = rows.empty() ? std::nullopt : to_number(rows[0].at(0).value_or(""));
  if (!bytes || *bytes < 0) return fail(ErrorKind::not_found, "there is no database " + name(), "tandem apply");
  return static_cast<std::uint64_t>(*bytes);
}

Result<void> SiteDatabase::write_dump(const std::string& path, const Progress& progress) {
  // On the disk when it ends, which is pg_dump's own habit. The folder lets nobody but root near it meanwhile.
  TANDEM_CHECK(run_checked(
      work_.ports.processes,
      {.arguments = gently({work_.postgres.binaries + "/pg_dump", "--format=custom", "--verbose", "--no-password",
                            "--lock-wait-timeout=60s", administrator, "--file=" + path, "--dbname=" + name()}),
       .time_limit = longest_work},
      tables(progress)));
  return work_.ports.files.set_mode(path, 0600);
}

Result<Dump> SiteDatabase::dump(const std::string& release, const Progress& progress) {
  auto& files = work_.ports.files;
  TANDEM_CHECK(tidy(progress));
  TANDEM_CHECK(ensure_folder(files, work_.state + "/dumps", 0700, root));
  TANDEM_CHECK(ensure_folder(files, folder(), 0700, root));
  TANDEM_TRY(const auto all, dumps());
  TANDEM_TRY(const auto bytes, size());
  TANDEM_TRY(const auto room, files.room(folder()));
  const auto newest = all.empty() ? std::nullopt : std::optional(all.back().size);
  TANDEM_CHECK(check_room("the dump of " + name(), folder(), dump_room(bytes, newest), room.free));
  auto moment = work_.ports.clock.wall_time();
  while (std::ranges::any_of(all, [&](const Dump& one) { return one.id == dump_id(moment); }))
    moment += std::chrono::seconds(1);
  Dump dump{.id = dump_id(moment), .release = release};
  progress(fmt::format("dumping the database {} ({})", name(), size_text(bytes)));
  const auto path = folder() + "/" + dump_file(dump);
  const auto unfinished = unfinished_file(path);
  auto made = write_dump(unfinished, progress);
  if (made) made = at_point(work_, "dump whole");
  if (made) made = files.rename(unfinished, path);
  if (!made) {
    if (const auto removed = files.remove(unfinished); !removed) made.error().message += "; " + removed.error().message;
    return std::unexpected(std::move(made).error().within("the dump of " + name()));
  }
  TANDEM_TRY(const auto status, files.status(path));
  dump.size = status ? status->size : 0;
  return dump;
}

Result<void> SiteDatabase::tidy(const Progress& progress) {
  auto& files = work_.ports.files;
  TANDEM_TRY(const auto all, dumps());
  for (const auto& old : dumps_to_remove(all, work_.ports.clock.wall_time())) {
    TANDEM_CHECK(files.remove(folder() + "/" + dump_file(old)));
    progress(fmt::format("removed dump {} of {}, which is more than a week old", old.id, site_.domain));
  }
  const auto names = files.list(folder());
  if (!names) return {}; // there was none ever
  for (const auto& name : *names)
    if (is_unfinished_file(name)) TANDEM_CHECK(files.remove(folder() + "/" + name));
  return {};
}

// ---- databases filled from a dump

Result<void> SiteDatabase::check_room_for_database() {
  TANDEM_TRY(const auto bytes, size());
  TANDEM_TRY(const auto room, work_.ports.files.room(work_.postgres.data));
  return check_room("a second " + name() + " and its WAL", work_.postgres.data, database_room(bytes), room.free);
}

Result<void> SiteDatabase::drop_unfinished(const DatabaseWork& work) {
  TANDEM_TRY(const auto there, work.ports.databases.query("postgres", "select 1 from pg_database where datname = $1",
                                                          {unfinished_database}));
  if (there.empty()) return {};
  return run_statements(work, "postgres",
                        {fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", unfinished_database)});
}

Result<void> SiteDatabase::make_empty() {
  TANDEM_CHECK(drop_unfinished(work_));
  TANDEM_CHECK(check_room_for_database());
  TANDEM_TRY(const auto creation, statements(work_, creation_query, {name(), unfinished_database}));
  if (creation.empty()) return fail(ErrorKind::not_found, "there is no database " + name(), "tandem apply");
  return run_statements(work_, "postgres", creation);
}

Result<void> SiteDatabase::fill_from(const std::string& path, const Progress& progress) {
  TANDEM_CHECK(run_checked(
      work_.ports.processes,
      {.arguments = gently({work_.postgres.binaries + "/pg_restore", "--exit-on-error", "--verbose", "--no-password",
                            administrator, std::string("--dbname=") + unfinished_database, path}),
       .time_limit = longest_work},
      tables(progress)));
  return {};
}

// Last: a setting such as default_transaction_read_only would be in the way before.
Result<void> SiteDatabase::make_alike() {
  TANDEM_TRY(auto all, statements(work_, rights_query, {name(), unfinished_database}));
  TANDEM_TRY(const auto settings, statements(work_, settings_query, {name(), unfinished_database}));
  all.insert(all.end(), settings.begin(), settings.end());
  return run_statements(work_, "postgres", all);
}

// Without it the first queries would be planned as if all tables were alike.
Result<void> SiteDatabase::analyze(const Progress& progress) {
  progress("gathering what PostgreSQL plans queries by");
  return run_statements(work_, unfinished_database, {"ANALYZE"});
}

Result<void> SiteDatabase::fill(const Dump& dump, const Progress& progress) {
  TANDEM_CHECK(make_empty());
  progress(fmt::format("restoring dump {} beside {}", dump.id, name()));
  TANDEM_CHECK(fill_from(folder() + "/" + dump_file(dump), progress));
  TANDEM_CHECK(analyze(progress));
  return make_alike();
}

Result<std::optional<std::string>> SiteDatabase::connection_limit(const std::string& database) {
  TANDEM_TRY(const auto rows, work_.ports.databases.query(
                                  "postgres", "select datconnlimit from pg_database where datname = $1", {database}));
  return rows.empty() ? std::nullopt : rows[0].at(0);
}

// What stays the same when a database gets another name; "" where there is none.
Result<std::string> SiteDatabase::identity(const std::string& database) {
  TANDEM_TRY(const auto rows, work_.ports.databases.query(
                                  "postgres", "select oid::text from pg_database where datname = $1", {database}));
  return rows.empty() ? std::string() : rows[0].at(0).value_or("");
}

// The rename locks a database against new connections before it counts those that there are: what has come in between
// is ended by the next attempt.
Result<void> SiteDatabase::swap(const std::string& from, const std::string& aside, const std::string& in,
                                const std::string& limit) {
  const auto end_all = fmt::format("select pg_terminate_backend(pid) from pg_stat_activity where datname in ('{}', "
                                   "'{}') and pid <> pg_backend_pid()",
                                   from, in);
  const auto both = fmt::format("BEGIN; SET LOCAL lock_timeout = '5s'; ALTER DATABASE {0} CONNECTION LIMIT 0; "
                                "ALTER DATABASE {0} RENAME TO {1}; ALTER DATABASE {2} CONNECTION LIMIT {3}; "
                                "ALTER DATABASE {2} RENAME TO {0}; COMMIT",
                                sql_name(from), sql_name(aside), sql_name(in), limit);
  TANDEM_TRY(const auto wanted, identity(in));
  if (wanted.empty()) return fail(ErrorKind::not_found, "there is no database " + in);
  for (int attempt = 1;; ++attempt) {
    auto done = run_statements(work_, "postgres",
                               {"set client_min_messages = error; set statement_timeout = '6s'; " + end_all, both},
                               longest_swap);
    if (done) return done;
    // PostgreSQL goes on to the commit also when whoever asked is gone, and may end between that and its answer.
    auto has = identity(from);
    for (int asked = 1; !has && asked < most_asked; ++asked) {
      system::pause_thread(ask_again);
      has = identity(from);
    }
    if (has && *has == wanted) return {};
    if (!has) done.error().message += "; and whether it was done is not known: " + has.error().message;
    if (!has || attempt == swap_attempts) return done;
  }
}

Result<void> SiteDatabase::swap_in(const std::string& former) {
  TANDEM_TRY(const auto limit, connection_limit(name()));
  return swap(name(), former, unfinished_database, limit.value_or("-1"));
}

Result<void> SiteDatabase::swap_back(const std::string& former) {
  TANDEM_TRY(const auto limit, connection_limit(name()));
  return swap(name(), unfinished_database, former, limit.value_or("-1"));
}

// ---- those from before

namespace {

// The beginning of all their names, as a pattern of LIKE.
std::string former_pattern(const std::string& database) {
  const std::string id = dump_id({});
  const auto name = former_name(database, id);
  return replace_all(name.substr(0, name.size() - id.size()), "_", "\\_") + "%";
}

} // namespace

Result<std::vector<FormerDatabase>> SiteDatabase::former() {
  TANDEM_TRY(const auto rows,
             work_.ports.databases.query("postgres",
                                         "select datname, pg_database_size(datname) from pg_database where datname "
                                         "like $1 order by datname",
                                         {former_pattern(name())}));
  std::vector<FormerDatabase> all;
  for (const auto& row : rows)
    all.push_back({row.at(0).value_or(""), static_cast<std::uint64_t>(to_number(row.at(1).value_or("")).value_or(0))});
  return all;
}

Result<std::size_t> SiteDatabase::end_strays() {
  TANDEM_TRY(const auto rows,
             work_.ports.databases.query("postgres",
                                         "select pg_terminate_backend(pid) from pg_stat_activity where datname like $1 "
                                         "and usename <> 'postgres'",
                                         {former_pattern(name())}));
  return rows.size();
}

// ---- copies

// psql runs as PostgreSQL's own user: a line of the file that leaves SQL ("\!") is not root's.
Result<void> SiteDatabase::scrub(const Scrub& scrub) {
  auto done = run_checked(work_.ports.processes,
                          {.arguments = {work_.postgres.binaries + "/psql", "--no-psqlrc", "--quiet", "--no-password",
                                         "--single-transaction", "--set=ON_ERROR_STOP=1", administrator,
                                         std::string("--dbname=") + unfinished_database, "--file=-"},
                           .input = scrub.text,
                           .user = "postgres",
                           .time_limit = longest_work});
  if (done) return {};
  return std::unexpected(std::move(done).error().within(scrub.file));
}

Result<void> SiteDatabase::finish_copy(const std::string& name, const std::optional<Scrub>& scrub,
                                       const Progress& progress) {
  TANDEM_CHECK(at_point(work_, "copy filled"));
  if (scrub) {
    progress("scrubbing it with " + scrub->file);
    TANDEM_CHECK(this->scrub(*scrub));
  }
  TANDEM_CHECK(at_point(work_, "copy scrubbed"));
  TANDEM_CHECK(analyze(progress)); // after the scrub: what it gathers is shown to whoever may connect
  TANDEM_CHECK(make_alike());
  return run_statements(work_, "postgres",
                        {fmt::format("BEGIN; ALTER DATABASE {0} CONNECTION LIMIT -1; ALTER DATABASE {0} RENAME TO {1}; "
                                     "COMMIT",
                                     unfinished_database, sql_name(name))});
}

// By way of a file: pg_dump keeps its snapshot of a database that is visited no longer than it has to.
Result<void> SiteDatabase::copy_to(const std::string& name, const std::optional<Scrub>& scrub,
                                   const Progress& progress) {
  auto& files = work_.ports.files;
  TANDEM_TRY(const auto taken, connection_limit(name));
  if (taken) return fail(ErrorKind::refused, "there is a database " + name + " already", "Another --to");
  TANDEM_CHECK(ensure_folder(files, work_.state + "/dumps", 0700, root));
  TANDEM_CHECK(ensure_folder(files, folder(), 0700, root));
  TANDEM_CHECK(make_empty());
  TANDEM_TRY(const auto bytes, size());
  TANDEM_TRY(const auto room, files.room(folder()));
  const auto path = unfinished_file(folder() + "/copy");
  auto made = check_room("a dump of " + this->name(), folder(), bytes, room.free);
  if (made) progress(fmt::format("reading {} ({})", this->name(), size_text(bytes)));
  if (made) made = write_dump(path, progress);
  if (made) progress("filling the copy");
  if (made) made = fill_from(path, progress);
  const auto removed = files.remove(path);
  if (made) made = removed;
  if (made) made = finish_copy(name, scrub, progress);
  if (made) return {};
  if (const auto dropped = drop_unfinished(work_); !dropped) made.error().message += "; " + dropped.error().message;
  return made;
}

} // namespace tandem::sites
