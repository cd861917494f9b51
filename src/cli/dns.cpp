// Where the sites' names lead.
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

std::string line_of_name(const Json& name) {
  std::string leads;
  for (const auto* kind : {"a", "aaaa"})
    for (const auto& address : name[kind])
      leads += (leads.empty() ? "" : ", ") + address.get<std::string>();
  if (name.contains("alias")) leads = "alias of " + name["alias"].get<std::string>();
  return fmt::format("{:<30} {}{}{}", name["name"].get<std::string>(), leads.empty() ? "no address" : leads,
                     name.contains("alias") ? "" : fmt::format(" (TTL {} s)", name["ttl"].get<std::uint64_t>()),
                     name["right"].get<bool>() ? "" : "  !");
}

Result<void> show_names(CommandLine& line, bool change) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "dns", {{"switch", change}}));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  for (const auto& name : answer["names"])
    out << line_of_name(name) << '\n';
  for (const auto& problem : answer["problems"])
    out << "! " << problem.get<std::string>() << '\n';
  if (change && !answer["problems"].empty()) return failed("not every name leads to the primary");
  return {};
}

} // namespace

void add_dns(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("dns", "Show where the sites' names lead, or make them lead to the primary");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("As the name server of [dns] says it. A change of primary changes them by itself.\n\n"
                  "Examples:\n  tandem dns\n  tandem dns switch");
  command->callback([&line, command] {
    if (command->get_subcommands().empty()) line.chosen = [&line] { return show_names(line, false); };
  });
  CLI::App* change = command->add_subcommand("switch", "Make all names lead to this server, the primary, now");
  change->add_flag("--json", line.json, "Print the answer as JSON");
  change->footer("Only records that lead to a server of the pair are changed.\n\nExample:\n  tandem dns switch");
  change->callback([&line] { line.chosen = [&line] { return show_names(line, true); }; });
}

} // namespace tandem::cli
