#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

Result<void> copy(CommandLine& line, const std::string& server) {
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

} // namespace

void add_database(CLI::App& app, CommandLine& line) {
  CLI::App* database = app.add_subcommand("database", "The database on the standbys");
  database->require_subcommand(1);
  const auto server = std::make_shared<std::string>();
  CLI::App* command = database->add_subcommand("copy", "Make the standbys' databases copies of the primary's");
  command->add_option("--server", *server, "Only this standby");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("A standby that follows already is left alone; a data directory that is replaced is kept.\n\n"
                  "Examples:\n  tandem database copy\n  tandem database copy --server duo");
  command->callback([&line, server] { line.chosen = [&line, server] { return copy(line, *server); }; });
}

} // namespace tandem::cli
