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

// What was found is repaired; that something was to be found is not as it should be, and the exit code says so.
Result<void> verify(CommandLine& line, std::uint64_t rate) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "files.verify", {{"rate_mb", rate}}));
  std::uint64_t differences = 0;
  std::size_t problems = 0;
  if (line.json) line.environment.out << peer::to_pretty_text(answer) << '\n';
  for (const auto& server : answer["servers"]) {
    differences += server["differences"].get<std::uint64_t>();
    problems += server["problem"].get<std::string>().empty() ? 0 : 1;
    if (line.json) continue;
    for (const auto& path : server["paths"])
      line.environment.out << path.get<std::string>() << '\n';
    line.environment.out << fmt::format(
        "{}: {} files compared ({} bytes), {} differed, {} were changed meanwhile\n", server["name"].get<std::string>(),
        server["files"].get<std::uint64_t>(), server["bytes"].get<std::uint64_t>(),
        server["differences"].get<std::uint64_t>(), server["passed_over"].get<std::uint64_t>());
    if (const auto problem = server["problem"].get<std::string>(); !problem.empty())
      line.environment.out << server["name"].get<std::string>() << ": " << problem << '\n';
  }
  if (differences == 0 && problems > 0)
    return fail(ErrorKind::failed, "not all files could be compared", "tandem status; then the same once more");
  if (differences == 0) return {};
  return fail(ErrorKind::failed, fmt::format("{} files differed; they have been sent again", differences),
              "A disk has lost something, or tandem missed a change: the kernel log of that server may say which");
}

void add_verify(CLI::App& files, CommandLine& line) {
  const auto rate = std::make_shared<std::uint64_t>(20);
  CLI::App* command = files.add_subcommand("verify", "Compare the content of all files with the standbys'");
  command->add_option("--rate", *rate, "Megabytes a second to read on each server")->capture_default_str();
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Sizes and times are not believed: every file is read on both servers, slowly, while changes go on. "
                  "What differs is\nnamed and sent again, and the exit code is then not 0.\n\n"
                  "Examples:\n  tandem files verify\n  tandem files verify --rate 200");
  command->callback([&line, rate] { line.chosen = [&line, rate] { return verify(line, *rate); }; });
}

} // namespace

void add_files(CLI::App& app, CommandLine& line) {
  CLI::App* files = app.add_subcommand("files", "The files on the standbys");
  files->require_subcommand(1);
  add_flush(*files, line);
  add_verify(*files, line);
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
