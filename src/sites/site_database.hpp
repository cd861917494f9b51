// Dumps of one site's database, and databases that are filled from one. Only on a primary whose PostgreSQL runs; one
// call at a time on a server. All of it may be cut off anywhere: what is not whole then has a name that nothing takes
// for a dump or a database, and tidy() removes it.
#pragma once
#include "model/pair.hpp"
#include "sites/dumps.hpp"
#include "sites/tools.hpp"
#include "system/postgres_layout.hpp"

namespace tandem::sites {

struct DatabaseWork {
  system::Ports ports;
  system::PostgresLayout postgres;
  std::string state = "/var/lib/tandem";
  // Told what comes next, for whoever wants to stand still there: "dump whole", "restore filled", "restore swap",
  // "restore swapped", "copy filled", "copy scrubbed". May be empty.
  std::function<Result<void>(std::string_view point)> reached = {};
};

// Of a copy, before anybody may connect to it.
struct Scrub {
  std::string file; // where it was read, for messages
  std::string text; // SQL, as psql reads it
};

// The next point is reached.
Result<void> at_point(const DatabaseWork& work, std::string_view point);

// A database from before a restore.
struct FormerDatabase {
  std::string name;
  std::uint64_t size = 0; // bytes
};

class SiteDatabase {
public:
  SiteDatabase(DatabaseWork work, const model::Site& site) : work_(std::move(work)), site_(site) {}

  [[nodiscard]] std::string folder() const; // of its dumps

  // Whole ones, the oldest first.
  Result<std::vector<Dump>> dumps();
  // refused when the disk lacks room. On the disk when it returns; until then nothing looks like a dump.
  Result<Dump> dump(const std::string& release, const Progress& progress);
  // Removes old dumps and what was cut off.
  Result<void> tidy(const Progress& progress);

  // Fills unfinished_database from the dump, with the owner, the rights and the settings of the site's. Nobody but
  // PostgreSQL's administrator may connect to it.
  Result<void> fill(const Dump& dump, const Progress& progress);
  // In one transaction: the site's database is called `former`, and nobody but the administrator may connect to it; the
  // unfinished one takes its name. Ends all connections to both first.
  Result<void> swap_in(const std::string& former);
  // Turns swap_in() round: the restored one is unfinished again.
  Result<void> swap_back(const std::string& former);

  // A database `name` beside the site's, with what that holds now. refused when there is one of that name; when the
  // scrub fails nothing of the copy stays.
  Result<void> copy_to(const std::string& name, const std::optional<Scrub>& scrub, const Progress& progress);

  // Those from before restores, the oldest first. Any server whose PostgreSQL runs.
  Result<std::vector<FormerDatabase>> former();
  // Ends the connections to them that are not the administrator's: an application that a standby keeps warm goes on
  // with the database that it knows, whatever its name has become. How many there were. Any server.
  Result<std::size_t> end_strays();

  [[nodiscard]] const DatabaseWork& work() const { return work_; }

  // Drops the unfinished database, if there is one.
  static Result<void> drop_unfinished(const DatabaseWork& work);

private:
  [[nodiscard]] const std::string& name() const { return site_.database->name; }

  Result<std::uint64_t> size();
  Result<void> check_room_for_database();
  Result<std::string> identity(const std::string& database);
  Result<std::optional<std::string>> connection_limit(const std::string& database);
  Result<void> write_dump(const std::string& path, const Progress& progress);
  Result<void> make_empty();
  Result<void> fill_from(const std::string& path, const Progress& progress);
  Result<void> make_alike();
  Result<void> analyze(const Progress& progress);
  Result<void> swap(const std::string& from, const std::string& aside, const std::string& in, const std::string& limit);
  Result<void> scrub(const Scrub& scrub);
  Result<void> finish_copy(const std::string& name, const std::optional<Scrub>& scrub, const Progress& progress);

  DatabaseWork work_;
  const model::Site& site_;
};

// For SQL text.
[[nodiscard]] std::string sql_name(std::string_view name);

} // namespace tandem::sites
