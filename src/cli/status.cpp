#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

std::string role_of(const Json& server) {
  if (!server.value("reachable", false)) return "not reachable";
  const std::string primary = server.value("primary", "");
  if (primary.empty()) return "no role yet";
  return primary == server.value("name", "") ? "primary" : "standby";
}

std::string row(const Json& server, const std::string& self) {
  const std::string name = server.value("name", "?");
  const std::uint64_t epoch = server.value("epoch", std::uint64_t{0});
  return fmt::format("{:<16} {:<14} {:<6} {}", name + (name == self ? " (here)" : ""), role_of(server),
                     epoch == 0 ? "-" : std::to_string(epoch), server.value("version", "-"));
}

void print(std::ostream& out, const Json& status) {
  const Json problems = status.value("problems", Json::array());
  if (status["pair"].is_string())
    out << "pair " << status["pair"].get<std::string>() << ": "
        << (problems.empty() ? std::string("healthy")
                             : fmt::format("{} problem{}", problems.size(), problems.size() == 1 ? "" : "s"))
        << '\n';
  for (const auto& problem : problems)
    out << "  ! " << problem.get<std::string>() << '\n';
  if (status["servers"].empty()) return;
  out << fmt::format("\n{:<16} {:<14} {:<6} {}\n", "SERVER", "ROLE", "EPOCH", "AGENT");
  for (const auto& server : status["servers"])
    out << row(server, status.value("self", "")) << '\n';
  for (const auto& server : status["servers"])
    for (const auto& running : server.value("operations", Json::array()))
      if (!running.value("name", "").ends_with("status"))
        out << fmt::format("\nunder way on {}: {} since {}, started by {}", server.value("name", "?"),
                           running.value("name", "?"), running.value("started", "?"), running.value("from", "?"))
            << '\n';
}

Result<void> show(CommandLine& line) {
  TANDEM_TRY(const Json status, watch_operation(line.environment, "status", Json::object()));
  if (line.json)
    line.environment.out << peer::to_pretty_text(status) << '\n';
  else
    print(line.environment.out, status);
  return {};
}

} // namespace

void add_status(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("status", "Show all servers of the pair, their roles and what is wrong");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem status\n  tandem status --json | jq '.problems'");
  command->callback([&line] { line.chosen = [&line] { return show(line); }; });
}

} // namespace tandem::cli
