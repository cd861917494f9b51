#include "cli/watch.hpp"
#include "cli/who.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

struct ReleaseOptions {
  std::string site;
  std::string revision;
  bool despite_migrations = false;
  bool no_dump = false;
};

Result<void> show(CommandLine& line, const Json& answer) {
  if (line.json) {
    line.environment.out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  line.environment.out << answer["site"].get<std::string>() << " serves release "
                       << answer["release"].get<std::string>() << '\n';
  for (const auto& warning : answer["warnings"])
    line.environment.errors << "warning: " << warning.get<std::string>() << '\n';
  return {};
}

Result<void> deploy(CommandLine& line, const ReleaseOptions& options) {
  TANDEM_TRY(
      const Json answer,
      watch_operation(
          line.environment, "deploy",
          {{"site", options.site}, {"revision", options.revision}, {"who", person()}, {"no_dump", options.no_dump}}));
  return show(line, answer);
}

Result<void> roll_back(CommandLine& line, const ReleaseOptions& options) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "rollback",
                                                {{"site", options.site},
                                                 {"to", options.revision},
                                                 {"who", person()},
                                                 {"despite_migrations", options.despite_migrations}}));
  return show(line, answer);
}

} // namespace

void add_deploy(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<ReleaseOptions>();
  CLI::App* command = app.add_subcommand("deploy", "Build a release of a site beside the running one and switch to it");
  command->add_option("site", options->site, "The site's domain")->required();
  command->add_option("revision", options->revision, "A branch, tag or commit; else the site's branch");
  command->add_flag("--no-dump", options->no_dump,
                    "Run its steps without a dump of the database before: what they spoil cannot be restored");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("A release that does not build or does not answer its health page changes nothing. Before its steps\n"
                  "run the database is dumped (tandem database dumps).\n\nExamples:\n"
                  "  tandem deploy shop.example.org\n  tandem deploy shop.example.org 85e57f8");
  command->callback([&line, options] { line.chosen = [&line, options] { return deploy(line, *options); }; });
}

void add_rollback(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<ReleaseOptions>();
  CLI::App* command = app.add_subcommand("rollback", "Serve the release that a site had before");
  command->add_option("site", options->site, "The site's domain")->required();
  command->add_option("release", options->revision, "A release or the beginning of its commit; else the previous one");
  command->add_flag("--despite-migrations", options->despite_migrations,
                    "The older code works with the database as newer migrations left it");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem rollback shop.example.org\n  tandem rollback shop.example.org 85e57f8");
  command->callback([&line, options] { line.chosen = [&line, options] { return roll_back(line, *options); }; });
}

} // namespace tandem::cli
