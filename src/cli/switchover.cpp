// The planned change of primary, and what belongs to every runbook: watching it, turning it back, reading it.
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

struct Options {
  std::string to;
  bool dry_run = false;
  bool cut_requests = false;
};

// After a failover the old primary follows by itself once it is back.
std::string sentence(const Json& answer) {
  const auto from = answer["from"].get<std::string>();
  const bool follows = !answer.contains("left") && answer.value("runbook", "") == "switchover";
  return fmt::format(
      "{} is the primary now, at epoch {}{}. It took {:.1f} s{}.", answer["to"].get<std::string>(),
      answer["epoch"].get<std::uint64_t>(), follows ? "; " + from + " follows it" : "", answer["seconds"].get<double>(),
      answer.contains("held_ms") ? fmt::format(", and visitors waited {:.0f} ms", answer["held_ms"].get<double>())
                                 : "");
}

Result<void> show_ending(CommandLine& line, const Json& answer) {
  auto& out = line.environment.out;
  if (line.json)
    out << peer::to_pretty_text(answer) << '\n';
  else if (answer.contains("text"))
    out << answer["text"].get<std::string>() << '\n';
  else
    out << sentence(answer) << '\n';
  if (answer.contains("refused"))
    return fail(ErrorKind::refused, "now it would be refused: " + answer["refused"].get<std::string>());
  if (!answer.contains("left")) return {};
  std::string left;
  for (const auto& one : answer["left"])
    left += (left.empty() ? "" : "\n") + one.get<std::string>();
  return fail(ErrorKind::failed, std::move(left),
              "The agents go on trying where they can; tandem status says what is the matter.");
}

Result<void> watch_run(CommandLine& line, const std::string& operation, const Json& params) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, operation, params));
  return show_ending(line, answer);
}

} // namespace

void add_switchover(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("switchover", "Make another server the primary; visitors wait a moment");
  command->add_option("server", options->to, "The new primary; not needed in a pair of two");
  command->add_flag("--dry-run", options->dry_run, "Show the steps and change nothing");
  command->add_flag("--cut-requests", options->cut_requests,
                    "Give up requests and transactions that are still under way after [role] drain");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer(
      "May be typed on any server of the pair. Until the grant every failure is undone, and the old primary "
      "serves on.\n`tandem abort` turns it back, `tandem resume` watches one that is under way.\n\n"
      "Examples:\n  tandem switchover --dry-run\n  tandem switchover\n  tandem switchover duo");
  command->callback([&line, options] {
    line.chosen = [&line, options] {
      return watch_run(line, "switchover",
                       {{"to", options->to}, {"dry_run", options->dry_run}, {"cut_requests", options->cut_requests}});
    };
  });
}

void add_failover(CLI::App& app, CommandLine& line) {
  struct Words {
    std::vector<std::string> alone;
    bool stop_primary = false;
    bool dry_run = false;
  };

  auto words = std::make_shared<Words>();
  CLI::App* command = app.add_subcommand("failover", "The primary is gone: make this server the primary");
  command->add_option("--alone", words->alone,
                      "This server is switched off, and stays so until the command has ended. Gives up what it had not "
                      "sent; if it is not off, two servers write");
  command->add_flag("--stop-primary", words->stop_primary,
                    "Stop a primary that answers and serves. Gives up what it has not sent and what is in flight");
  command->add_flag("--dry-run", words->dry_run, "Say what this server has and what would be done; change nothing");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer(
      "Typed on the server that is to take over. A planned change is `tandem switchover`, which loses nothing.\n"
      "The old primary's agent is asked to stop; where it does not answer, the command of [role] fence switches it "
      "off,\n"
      "or you do, and say so with --alone. When it comes back it follows by itself.\n\n"
      "Examples:\n  tandem failover --dry-run\n  tandem failover\n  tandem failover --alone uno");
  command->callback([&line, words] {
    line.chosen = [&line, words] {
      return watch_run(line, "failover",
                       {{"alone", words->alone}, {"stop_primary", words->stop_primary}, {"dry_run", words->dry_run}});
    };
  });
}

void add_resume(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("resume", "Watch the open runbook to its end");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("The agents go on by themselves, after a crash or a reboot too; this shows how far they are.\n\n"
                  "Example:\n  tandem resume");
  command->callback([&line] { line.chosen = [&line] { return watch_run(line, "resume", Json::object()); }; });
}

void add_abort(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("abort", "Turn the open runbook back");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Possible until the grant; after it, switch over again to go back.\n\nExample:\n  tandem abort");
  command->callback([&line] { line.chosen = [&line] { return watch_run(line, "abort", Json::object()); }; });
}

void add_runbook(CLI::App& app, CommandLine& line) {
  auto to = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("runbook", "The steps of a role change as commands that a person can type");
  command->require_subcommand(1);
  command->footer("Examples:\n  tandem runbook switchover > switchover.txt\n  tandem runbook failover > failover.txt");
  CLI::App* switchover = command->add_subcommand("switchover", "Those of a switchover");
  switchover->add_option("server", *to, "The new primary; not needed in a pair of two");
  switchover->footer("For the day when tandem itself is what is broken: print it while all is well.\n\n"
                     "Example:\n  tandem runbook switchover > switchover.txt");
  switchover->callback(
      [&line, to] { line.chosen = [&line, to] { return watch_run(line, "runbook", {{"to", *to}}); }; });
  CLI::App* failover = command->add_subcommand("failover", "Those of a failover to this server");
  failover->footer("Print it on the standby while all is well.\n\nExample:\n  tandem runbook failover > failover.txt");
  failover->callback(
      [&line] { line.chosen = [&line] { return watch_run(line, "runbook", {{"runbook", "failover"}}); }; });
}

} // namespace tandem::cli
