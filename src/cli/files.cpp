#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

Result<void> reconcile(CommandLine& line, bool allow_deletions) {
  TANDEM_TRY(const Json answer,
             watch_operation(line.environment, "files.reconcile", {{"allow_deletions", allow_deletions}}));
  if (line.json) {
    line.environment.out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  for (const auto& server : answer["servers"])
    line.environment.out << fmt::format("{}: {} files sent ({} bytes), {} changed otherwise, {} deleted\n",
                                        server["name"].get<std::string>(), server["sent"].get<std::uint64_t>(),
                                        server["bytes"].get<std::uint64_t>(), server["changed"].get<std::uint64_t>(),
                                        server["deleted"].get<std::uint64_t>());
  return {};
}

Result<void> flush(CommandLine& line, std::uint64_t limit) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "files.flush", {{"limit_s", limit}}));
  if (line.json) {
    line.environment.out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  for (const auto& server : answer["servers"])
    line.environment.out << server.get<std::string>() << " has all that was closed before\n";
  return {};
}

void add_flush(CLI::App& files, CommandLine& line) {
  const auto limit = std::make_shared<std::uint64_t>(60);
  CLI::App* command = files.add_subcommand("flush", "Wait until the standbys have all files that were closed before");
  command->add_option("--limit", *limit, "Seconds to wait at the most")->capture_default_str();
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Changes go to the standbys as they happen; this says when they are there, and on the disk.\n\n"
                  "Examples:\n  tandem files flush\n  tandem files flush --limit 5");
  command->callback([&line, limit] { line.chosen = [&line, limit] { return flush(line, *limit); }; });
}

} // namespace

void add_files(CLI::App& app, CommandLine& line) {
  CLI::App* files = app.add_subcommand("files", "The files on the standbys");
  files->require_subcommand(1);
  add_flush(*files, line);
  const auto allow_deletions = std::make_shared<bool>(false);
  CLI::App* command = files->add_subcommand("reconcile", "Compare all files now and make the standbys' equal");
  command->add_flag("--allow-deletions", *allow_deletions,
                    "Delete on the standbys whatever is not here, however much it is");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("It stops, and changes nothing, when more than [files] deletion_guard of the files would vanish.\n\n"
                  "Examples:\n  tandem files reconcile\n  tandem files reconcile --allow-deletions");
  command->callback([&line, allow_deletions] {
    line.chosen = [&line, allow_deletions] { return reconcile(line, *allow_deletions); };
  });
}

} // namespace tandem::cli
