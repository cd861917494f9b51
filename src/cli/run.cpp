#include "base/text.hpp"
#include "cli/environment.hpp"
#include "peer/message.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

constexpr int failed_status = 1;
constexpr int usage_status = 2;
constexpr int refused_status = 3;

int exit_status(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::refused:
    return refused_status;
  case ErrorKind::invalid:
    return usage_status;
  case ErrorKind::failed:
  case ErrorKind::unavailable:
  case ErrorKind::not_found:
    return failed_status;
  }
  return failed_status;
}

void print_error(const CommandLine& line, const Error& error) {
  if (line.json) line.environment.out << peer::to_pretty_text({{"error", peer::to_json(error)}}) << '\n';
  line.environment.errors << "tandem: " << describe(error) << '\n';
}

bool takes_arguments(const CLI::App& command) {
  return !command.get_options([](const CLI::Option* option) { return option->get_positional(); }).empty();
}

// CLI11 says only that a command is required when it does not know the one that was typed. "": there is nothing to say.
std::string unknown_command(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc && *argv[i] != '-'; ++i) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const auto* command : at->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(command->get_name());
      if (names.back() == argv[i]) next = command;
    }
    if (next == nullptr && (names.empty() || takes_arguments(*at))) return {}; // an argument of the command before it
    if (next == nullptr) {
      const auto meant = nearest(argv[i], names);
      return fmt::format("there is no command \"{}\"{}\n  `{} --help` lists them", argv[i],
                         meant ? fmt::format("; did you mean \"{}\"?", *meant) : "",
                         at == &app ? "tandem" : "tandem " + at->get_name());
    }
    at = next;
  }
  return {};
}

} // namespace

CLI::App* add_listing(CLI::App& app, CommandLine& line, const std::string& name, const std::string& help,
                      std::function<Result<void>(CommandLine&)> list) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->callback([&line, command, list = std::move(list)] {
    if (command->get_subcommands().empty()) line.chosen = [&line, list] { return list(line); };
  });
  return command;
}

namespace {

bool may_run(const CommandLine& line) {
  return line.environment.root || line.for_all;
}

Result<void> only_root(const CLI::App& app) {
  const auto name = app.get_subcommands().front()->get_name();
  return fail(ErrorKind::failed, fmt::format("only root may run `tandem {}`", name), "sudo tandem " + name);
}

} // namespace

int run(int argc, const char* const* argv, Environment& environment) {
  CommandLine line{environment};
  CLI::App app("Runs web sites on a primary and a standby server, from one file: /etc/tandem/tandem.toml", "tandem");
  app.set_version_flag("--version", environment.version);
  app.require_subcommand(1);
  app.footer("`tandem COMMAND --help` tells about one command, with examples.\n"
             "Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused because it would be unsafe.");
  add_check(app, line);
  add_adopt(app, line);
  add_init(app, line);
  add_join(app, line);
  add_remove(app, line);
  add_status(app, line);
  add_plan(app, line);
  add_apply(app, line);
  add_deploy(app, line);
  add_rollback(app, line);
  add_deploys(app, line);
  add_logs(app, line);
  add_switchover(app, line);
  add_failover(app, line);
  add_resume(app, line);
  add_abort(app, line);
  add_runbook(app, line);
  add_events(app, line);
  add_certificates(app, line);
  add_dns(app, line);
  add_imports(app, line);
  add_alerts(app, line);
  add_updates(app, line);
  add_agent(app, line);
  add_database(app, line);
  add_files(app, line);
  add_stream(app, line);
  add_receive_files(app, line);
  add_compare_files(app, line);
  if (const auto unknown = unknown_command(app, argc, argv); !unknown.empty()) {
    environment.errors << "tandem: " << unknown << '\n';
    return usage_status;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error, environment.out, environment.errors);
    return status == 0 ? 0 : usage_status;
  }
  const Result<void> done = may_run(line) ? line.chosen() : only_root(app);
  if (done) return 0;
  print_error(line, done.error());
  return exit_status(done.error().kind);
}

} // namespace tandem::cli
