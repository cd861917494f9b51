#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

struct JoinOptions {
  std::string address;
  std::string token;
  std::string server;
};

Result<void> join(CommandLine& line, const JoinOptions& options) {
  TANDEM_CHECK(ensure_agent(line.environment));
  TANDEM_TRY(const Json answer,
             watch_operation(line.environment, "join",
                             {{"address", options.address}, {"token", options.token}, {"server", options.server}}));
  if (line.json)
    line.environment.out << peer::to_pretty_text(answer) << '\n';
  else
    line.environment.out << "This server is now " << answer["server"].get<std::string>() << " of pair "
                         << answer["pair"].get<std::string>() << ".\nNext: `tandem status`, then `tandem plan`.\n";
  return {};
}

} // namespace

void add_join(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<JoinOptions>();
  CLI::App* command =
      app.add_subcommand("join", "Make this server one of a pair, as `tandem init` printed it on the first one");
  command->add_option("ADDRESS", options->address, "The first server: ADDRESS or ADDRESS:PORT")->required();
  command->add_option("TOKEN", options->token, "The join token (t1-…); it lets in one server within 24 hours")
      ->required();
  command->add_option("--server", options->server,
                      "Which [[server]] of the file this is, when its host name does not say so");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem join 192.0.2.11 t1-0123…-4567…\n"
                  "  tandem join uno.example.org:7411 t1-0123…-4567… --server duo");
  command->callback([&line, options] { line.chosen = [&line, options] { return join(line, *options); }; });
}

} // namespace tandem::cli
