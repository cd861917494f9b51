#include "cli/environment.hpp"

#include <CLI/CLI.hpp>

namespace tandem::cli {

void add_agent(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("agent", "Be the agent of this server (systemd starts it: tandem.service)");
  command->footer("Example:\n  systemctl status tandem     # how the agent is started as a rule\n"
                  "  journalctl -u tandem -f     # what it says\n"
                  "  tandem agent                # in the foreground, to look for a fault");
  command->callback([&line] { line.chosen = line.environment.run_agent; });
}

} // namespace tandem::cli
