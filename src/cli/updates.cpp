// Security updates of the servers: what each has and what waits, and their turns now.
#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

std::string packages_text(const Json& packages, const char* none) {
  return packages.empty() ? none : tandem::join(packages.get<std::vector<std::string>>(), ", ");
}

Result<void> list_updates(CommandLine& line) {
  TANDEM_TRY(const Json status, watch_operation(line.environment, "status", Json::object()));
  auto servers = Json::object();
  for (const auto& server : status["servers"])
    if (server.contains("updates")) servers[server["name"].get<std::string>()] = server["updates"];
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(servers) << '\n';
    return {};
  }
  for (const auto& [name, updates] : servers.items()) {
    const auto at = updates.value("at", "");
    out << fmt::format("{:<10} {}; waiting: {}\n", name, at.empty() ? "not updated yet" : "last " + at,
                       packages_text(updates["waiting"], "nothing"));
  }
  if (servers.empty()) out << "tandem.toml does not ask for them: [host] security_updates\n";
  return {};
}

Result<void> install_updates(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "updates.install", Json::object()));
  for (const auto& server : answer["servers"])
    line.environment.out << fmt::format("{}: {}; waiting: {}\n", server["name"].get<std::string>(),
                                        packages_text(server["installed"], "nothing new"),
                                        packages_text(server["waiting"], "nothing"));
  return {};
}

} // namespace

void add_updates(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_listing(app, line, "updates", "List the servers' security updates, or install them now", list_updates);
  command->footer("They are installed by themselves at night, between four and six by the primary's clock: on each "
                  "standby, and once that is well again on the primary. What restarts what visitors wait for is left "
                  "there until it is a standby.\n\nExamples:\n  tandem updates\n  tandem updates install");
  CLI::App* now = command->add_subcommand("install", "Let every server have its turn now; typed on the primary");
  now->footer("Example:\n  tandem updates install");
  now->callback([&line] { line.chosen = [&line] { return install_updates(line); }; });
}

} // namespace tandem::cli
