#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

struct InitOptions {
  std::string server;
  bool token = false;
};

void print_token(const CommandLine& line, const Json& answer) {
  if (!answer.contains("token")) return;
  std::vector<std::string> others = answer["others"];
  line.environment.out
      << "\nOn " << (others.size() == 1 ? others.front() : "each other server (" + join(others, ", ") + ")")
      << ", install tandem and type:\n\n  tandem join " << answer["address"].get<std::string>() << ' '
      << answer["token"].get<std::string>()
      << "\n\nThe token lets in one server, within 24 hours. `tandem init --token` makes another one.\n";
}

Result<void> init(CommandLine& line, const InitOptions& options) {
  TANDEM_CHECK(ensure_agent(line.environment));
  TANDEM_TRY(const Json answer, options.token
                                    ? watch_operation(line.environment, "token", Json::object())
                                    : watch_operation(line.environment, "init", {{"server", options.server}}));
  std::ostream& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  if (!options.token) {
    const std::string what = answer["server"].get<std::string>() + " of pair " + answer["pair"].get<std::string>();
    if (answer["already"].get<bool>())
      out << "This server is " << what << " already. `tandem init --token` makes a join token for another server.\n";
    else
      out << "This server is now " << what << ".\n";
  }
  print_token(line, answer);
  return {};
}

} // namespace

void add_init(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = app.add_subcommand(
      "init",
      "Make this server the first of the pair that /etc/tandem/tandem.toml describes, and print how others join");
  command->add_option("--server", options->server,
                      "Which [[server]] of the file this is, when its host name does not say so");
  command->add_flag("--token", options->token, "Only make a new join token; older ones no longer count");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem init\n  tandem init --server uno\n  tandem init --token");
  command->callback([&line, options] { line.chosen = [&line, options] { return init(line, *options); }; });
}

} // namespace tandem::cli
