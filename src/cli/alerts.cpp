// Who is told what is wrong with the pair, and whether that reaches them.
#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

std::string channels_text(const Json& channels) {
  return tandem::join(channels.get<std::vector<std::string>>(), " and ");
}

Result<void> list_alerts(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "alerts", Json::object()));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  if (answer["channels"].empty())
    out << "nobody is told: tandem.toml has neither [host] mail nor [alerts] command\n";
  else
    out << fmt::format("told by {}, {}\n", channels_text(answer["channels"]),
                       answer["speaks"].get<bool>() ? "from this server" : "from the primary");
  for (const auto& alert : answer["alerts"])
    out << fmt::format("  {}  {}{}\n", alert["since"].get<std::string>(), alert["text"].get<std::string>(),
                       alert["told"].empty() ? "; not told" : "; told by " + channels_text(alert["told"]));
  if (answer["alerts"].empty()) out << "there is nothing to tell\n";
  return {};
}

Result<void> send_test(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "alerts", {{"test", true}}));
  line.environment.out << fmt::format("sent by {}; see whether it arrives\n", channels_text(answer["sent"]));
  return {};
}

} // namespace

void add_alerts(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_listing(app, line, "alerts", "List what somebody is told of, or try whether that arrives", list_alerts);
  command->footer("The primary tells of each problem that has stood for a minute, when it is over, and once a day as "
                  "long as it goes on; a standby does where the primary does not answer.\n\nExamples:\n  tandem alerts"
                  "\n  tandem alerts test");
  CLI::App* test = command->add_subcommand("test", "Send a message that means nothing, from this server");
  test->footer("Example:\n  tandem alerts test");
  test->callback([&line] { line.chosen = [&line] { return send_test(line); }; });
}

} // namespace tandem::cli
