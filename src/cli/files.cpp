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

} // namespace

void add_files(CLI::App& app, CommandLine& line) {
  CLI::App* files = app.add_subcommand("files", "The files on the standbys");
  files->require_subcommand(1);
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
