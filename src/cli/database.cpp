// The databases: a standby's copy of the primary's, and the dumps, restores and copies of one site's.
#include "base/text.hpp"
#include "cli/watch.hpp"
#include "cli/who.hpp"
#include "sites/dumps.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <ostream>

namespace tandem::cli {

namespace {

struct DatabaseOptions {
  std::string server;
  std::string site;
  std::string dump;
  std::string to;
  std::string scrub;
  bool sure = false;
};

Result<void> copy_to_standbys(CommandLine& line, const std::string& server) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "database.copy", {{"server", server}}));
  if (line.json) {
    line.environment.out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  for (const auto& one : answer["servers"]) {
    const auto name = one["name"].get<std::string>();
    const auto kept = tandem::join(one["kept"].get<std::vector<std::string>>(), " and ");
    line.environment.out << name << (one["copied"].get<bool>() ? " has a new copy and follows" : " follows already")
                         << (kept.empty() ? "" : "; what was here before is kept as " + kept) << '\n';
  }
  return {};
}

Result<void> copy_for_development(CommandLine& line, const DatabaseOptions& options) {
  Json params{{"site", options.site}, {"to", options.to}, {"who", person()}};
  if (!options.scrub.empty()) params["scrub"] = std::filesystem::absolute(options.scrub).lexically_normal().string();
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "database.duplicate", params));
  if (line.json)
    line.environment.out << peer::to_pretty_text(answer) << '\n';
  else
    line.environment.out << fmt::format("{} has a copy of the database of {}{}\n",
                                        answer["database"].get<std::string>(), options.site,
                                        options.scrub.empty() ? ", with all that is in it" : ", scrubbed");
  return {};
}

Result<void> list_dumps_of(CommandLine& line, const DatabaseOptions& options) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "database.dumps", {{"site", options.site}}));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  const auto size = [](const Json& bytes) { return sites::size_text(bytes.get<std::uint64_t>()); };
  const auto server = answer["server"].get<std::string>();
  if (answer["dumps"].empty())
    out << fmt::format("{} has no dump of the database of {}\n", server, options.site);
  else
    out << fmt::format("{}, in {}:\n", server, answer["folder"].get<std::string>());
  for (const auto& dump : answer["dumps"])
    out << fmt::format("  {}  {}  {}  before release {}\n", dump["id"].get<std::string>(),
                       dump["made"].get<std::string>(), size(dump["size"]), dump["release"].get<std::string>());
  for (const auto& former : answer["former"])
    out << fmt::format("  kept from before a restore: the database {} ({}); DROP DATABASE removes it\n",
                       former["database"].get<std::string>(), size(former["size"]));
  return {};
}

Result<void> restore_dump(CommandLine& line, const DatabaseOptions& options) {
  TANDEM_TRY(
      const Json answer,
      watch_operation(line.environment, "database.restore",
                      {{"site", options.site}, {"dump", options.dump}, {"sure", options.sure}, {"who", person()}}));
  if (line.json)
    line.environment.out << peer::to_pretty_text(answer) << '\n';
  else
    line.environment.out << fmt::format(
        "{} has the database of dump {}; visitors waited {} ms. The one from before is kept as {}\n", options.site,
        answer["dump"].get<std::string>(), answer["held_ms"].get<std::int64_t>(), answer["former"].get<std::string>());
  return {};
}

void add_copy(CLI::App& database, CommandLine& line) {
  const auto options = std::make_shared<DatabaseOptions>();
  CLI::App* command = database.add_subcommand(
      "copy",
      "Make a standby's whole PostgreSQL anew; or, with SITE --to NAME, copy one site's database for development");
  auto* server = command->add_option("--server", options->server, "Without SITE: only this standby");
  auto* site = command->add_option("site", options->site, "The domain whose database is to be copied, on the primary");
  auto* to = command->add_option("--to", options->to, "With SITE: the name of the new database");
  auto* scrub = command->add_option(
      "--scrub", options->scrub, "With SITE: a file with SQL that runs in the copy before anybody can connect to it");
  site->needs(to)->excludes(server);
  to->needs(site);
  scrub->needs(site);
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer(
      "Without SITE it makes the standbys' databases copies of the primary's again. A standby that follows already is\n"
      "left alone; a data directory that is replaced is kept.\n\n"
      "With SITE it makes a second database beside the site's, on the primary, with the same owner. The standby gets "
      "it\n"
      "as it gets everything. When the scrub fails nothing of the copy stays.\n\n"
      "Examples:\n  tandem database copy\n  tandem database copy --server duo\n"
      "  tandem database copy shop.example.org --to shop_dev --scrub /root/no-customers.sql");
  command->callback([&line, options] {
    line.chosen = [&line, options] {
      return options->site.empty() ? copy_to_standbys(line, options->server) : copy_for_development(line, *options);
    };
  });
}

void add_dumps(CLI::App& database, CommandLine& line) {
  const auto options = std::make_shared<DatabaseOptions>();
  CLI::App* command = database.add_subcommand("dumps", "List the dumps of a site's database on this server");
  command->add_option("site", options->site, "The site's domain")->required();
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("A deploy makes one before its steps run. Each is kept for a week, the newest always.\n\n"
                  "Example:\n  tandem database dumps shop.example.org");
  command->callback([&line, options] { line.chosen = [&line, options] { return list_dumps_of(line, *options); }; });
}

void add_restore(CLI::App& database, CommandLine& line) {
  const auto options = std::make_shared<DatabaseOptions>();
  CLI::App* command = database.add_subcommand("restore", "Take a site's database back to a dump; on the primary");
  command->add_option("site", options->site, "The site's domain")->required();
  command->add_option("dump", options->dump, "As `tandem database dumps` lists it")->required();
  command->add_flag("--yes", options->sure, "What was written since is not to be in the site's database any more");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Without --yes it only says what would be lost. The database as it was is kept under another name.\n"
                  "Visitors wait a few seconds; if the site does not work with the restored database it gets the one\n"
                  "from before again.\n\n"
                  "Examples:\n  tandem database restore shop.example.org 20261127011500\n"
                  "  tandem database restore shop.example.org 20261127011500 --yes");
  command->callback([&line, options] { line.chosen = [&line, options] { return restore_dump(line, *options); }; });
}

} // namespace

void add_database(CLI::App& app, CommandLine& line) {
  CLI::App* database = app.add_subcommand("database", "The standbys' databases; dumps and copies of a site's");
  database->require_subcommand(1);
  add_copy(*database, line);
  add_dumps(*database, line);
  add_restore(*database, line);
}

} // namespace tandem::cli
