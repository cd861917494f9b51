#include "cli/environment.hpp"
#include "peer/local_client.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace tandem::cli {

namespace {

struct StreamOptions {
  std::string server;
  std::string name;
  std::string latch;
};

// Its standard output belongs to the program over there: nothing else may be printed.
Result<void> stream(const CommandLine& line, const StreamOptions& options, const std::vector<std::string>& arguments) {
  TANDEM_TRY(auto client, peer::LocalClient::connect(line.environment.socket, line.environment.version));
  peer::Json params{{"server", options.server}, {"name", options.name}, {"params", {{"arguments", arguments}}}};
  if (!options.latch.empty()) params["latch"] = options.latch;
  TANDEM_CHECK(client.call("stream", params));
  return client.carry(STDIN_FILENO, STDOUT_FILENO);
}

} // namespace

// Not for people: rsync and the like have it as their remote shell (`rsync -e "tandem stream duo files" …`).
void add_stream(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<StreamOptions>();
  CLI::App* command = app.add_subcommand("stream", "Carry standard input and output to a program on another server");
  command->group(""); // not listed
  command->add_option("SERVER", options->server)->required();
  command->add_option("NAME", options->name, "What the agent over there starts; it decides, not the rest of the line")
      ->required();
  command->add_option("--latch", options->latch, "Carry nothing before the agent here lets this latch go");
  command->prefix_command();
  command->footer("Example:\n  rsync -e 'tandem stream duo files' …   # as the agent calls it");
  command->callback([&line, options, command] {
    line.chosen = [&line, options, arguments = command->remaining()] { return stream(line, *options, arguments); };
  });
}

// Not for people: the agent of a standby starts it for the primary's.
void add_receive_files(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("receive-files", "Do what the primary's stream of changes says");
  command->group(""); // not listed
  command->prefix_command();
  command->footer("Example:\n  tandem receive-files --deletion-guard=0.1 --root=/www '--leave-out=*.pyc'   # as the "
                  "agent calls it");
  command->callback([&line, command] {
    std::vector<Environment::Root> roots;
    double guard = 0;
    for (const std::string& word : command->remaining())
      if (word.starts_with("--root="))
        roots.push_back({.path = word.substr(7)});
      else if (word.starts_with("--leave-out=") && !roots.empty())
        roots.back().left_out.push_back(word.substr(12));
      else if (word.starts_with("--removed=") && !roots.empty())
        roots.back().removed = std::strtoull(word.c_str() + 10, nullptr, 10);
      else if (word.starts_with("--deletion-guard="))
        guard = std::strtod(word.c_str() + 17, nullptr);
      else
        throw CLI::ValidationError(word, "neither --root= nor --leave-out= or --removed= of one");
    line.chosen = [&line, roots, guard] { return line.environment.receive_files(roots, guard); };
  });
}

} // namespace tandem::cli
