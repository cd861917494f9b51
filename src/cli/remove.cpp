#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

struct RemoveOptions {
  std::string server;
  bool gone = false;
};

Result<void> remove(CommandLine& line, const RemoveOptions& options) {
  TANDEM_TRY(const Json answer,
             watch_operation(line.environment, "remove", {{"server", options.server}, {"gone", options.gone}}));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  out << options.server << " is none of the pair any more.\nNext: `tandem apply`, which takes it out of what the other "
      << "servers are set up for.\n";
  if (answer["told"].get<bool>())
    out << "On " << options.server
        << " the sites and PostgreSQL are stopped, and their data is still there. nginx passes "
        << "visitors on that\nstill come there, until you stop it or boot that server.\n";
  else
    out << options.server << " was not told: should it start again, it waits for the pair and serves nothing.\n";
  return {};
}

} // namespace

void add_remove(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<RemoveOptions>();
  CLI::App* command = app.add_subcommand("remove", "Take a standby out of the pair; typed on the primary");
  command->add_option("server", options->server, "Its name; tandem.toml has to do without it already")->required();
  command->add_flag("--gone", options->gone, "It does not answer and will never come back");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem remove duo\n  tandem remove --gone duo");
  command->callback([&line, options] { line.chosen = [&line, options] { return remove(line, *options); }; });
}

} // namespace tandem::cli
