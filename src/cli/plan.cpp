#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

// Texts of all servers; true when one of them failed.
bool print_servers(std::ostream& out, const Json& answer) {
  bool failed = false;
  for (const auto& server : answer["servers"]) {
    out << server.value("text", "");
    failed = failed || server.contains("failed");
  }
  return failed;
}

Result<void> finish(CommandLine& line, const Json& answer, const std::string& what) {
  bool has_failed = false;
  if (line.json) {
    line.environment.out << peer::to_pretty_text(answer) << '\n';
    for (const auto& server : answer["servers"])
      has_failed = has_failed || server.contains("failed");
  } else {
    has_failed = print_servers(line.environment.out, answer);
  }
  if (has_failed) return failed(what + " did not succeed on every server");
  std::vector<std::string> absent = answer["absent"];
  if (absent.empty()) return {};
  return fail(ErrorKind::unavailable, what + " left out " + tandem::join(absent, ", "),
              "Once it answers (or has joined): the same command again");
}

Result<void> plan(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "plan", Json::object()));
  return finish(line, answer, "the plan");
}

Result<void> apply(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "apply", Json::object()));
  return finish(line, answer, "apply");
}

} // namespace

void add_plan(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("plan", "Show what apply would change on every server, and why; changes nothing");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem plan\n  tandem plan --json | jq .changes");
  command->callback([&line] { line.chosen = [&line] { return plan(line); }; });
}

void add_apply(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("apply", "Make every server of the pair what /etc/tandem/tandem.toml says; can be run again");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer(
      "The file and its secrets reach the other servers first. Interrupting this command does not stop the\n"
      "work, which the agents do; `tandem status` shows it.\n\nExamples:\n  tandem plan && tandem apply");
  command->callback([&line] { line.chosen = [&line] { return apply(line); }; });
}

} // namespace tandem::cli
