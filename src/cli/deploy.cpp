#include "base/text.hpp"
#include "cli/watch.hpp"
#include "cli/who.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

struct ReleaseOptions {
  std::string site;
  std::string revision;
  bool despite_migrations = false;
  bool no_dump = false;
  bool all = false;
  bool stop = false;
  bool dry_run = false;
};

void print_served(CommandLine& line, const Json& answer) {
  line.environment.out << answer["site"].get<std::string>() << " serves release "
                       << answer["release"].get<std::string>() << '\n';
  for (const auto& warning : answer["warnings"])
    line.environment.errors << "warning: " << warning.get<std::string>() << '\n';
}

void print_list(std::ostream& out, const std::string& title, const Json& items) {
  if (items.empty()) return;
  out << "  " << title << '\n';
  for (const auto& item : items)
    out << "    " << item.get<std::string>() << '\n';
}

std::string short_commit(const std::string& commit) {
  return commit.substr(0, 7);
}

void print_commits(std::ostream& out, const Json& outlook) {
  const auto current = outlook["current"]["commit"].get<std::string>();
  if (!outlook["related"].get<bool>())
    out << "  commit " << short_commit(current)
        << " is not in the repository any more; what comes and goes is not known\n";
  else if (current == outlook["commit"].get<std::string>())
    out << "  the same commit as now\n";
  print_list(out, "commits that come, the newest first (20 at most):", outlook["comes"]);
  print_list(out, "commits that go, the newest first (20 at most):", outlook["goes"]);
}

void print_outlook(CommandLine& line, const Json& outlook) {
  auto& out = line.environment.out;
  const auto branch = outlook["branch"].get<std::string>();
  const auto site = outlook["site"].get<std::string>();
  const auto commit = short_commit(outlook["commit"]) + (branch.empty() ? "" : " (" + branch + ")");
  if (outlook.contains("current")) {
    out << fmt::format("{}: commit {} would follow release {}\n", site, commit,
                       outlook["current"]["release"].get<std::string>());
    print_commits(out, outlook);
  } else {
    out << fmt::format("{}: commit {} would be its first release\n", site, commit);
  }
  out << fmt::format("  environment {} {}\n", outlook["environment"].get<std::string>(),
                     outlook["builds_environment"].get<bool>() ? "would be built: what it is made of has changed"
                                                               : "is there already");
  print_list(out, "steps that would run:", outlook["steps"]);
  print_list(out, "migrations that are new:", outlook["migrations"]);
}

Result<void> show(CommandLine& line, const Json& answer) {
  if (line.json)
    line.environment.out << peer::to_pretty_text(answer) << '\n';
  else
    print_served(line, answer);
  return {};
}

// What came of each site, and an error when it was not well with all of them.
Result<void> show_all(CommandLine& line, const Json& answer, bool dry_run) {
  std::vector<std::string> failed;
  std::vector<std::string> not_started;
  for (const auto& site : answer["sites"]) {
    if (site.contains("error"))
      failed.push_back(site["site"]);
    else if (site.contains("not_started"))
      not_started.push_back(site["site"]);
    else if (!line.json)
      dry_run ? print_outlook(line, site) : print_served(line, site);
  }
  if (line.json) line.environment.out << peer::to_pretty_text(answer) << '\n';
  line.json = false; // the answer says it all; a second document would follow it
  const auto wrong = failed.size() + not_started.size();
  if (wrong == 0) return {};
  const auto left = not_started.empty() ? "" : "; not started: " + join(not_started, ", ");
  return fail(ErrorKind::failed,
              fmt::format("{} of {} sites {}; failed: {}{}", answer["sites"].size() - wrong, answer["sites"].size(),
                          dry_run ? "looked at" : "deployed", failed.empty() ? "none" : join(failed, ", "), left),
              dry_run ? "" : "`tandem deploys show SITE` prints what each deploy said");
}

Result<void> deploy(CommandLine& line, const ReleaseOptions& options) {
  if (options.all == !options.site.empty())
    return fail(ErrorKind::invalid,
                options.all ? "name a site or say --all, not both" : "which site? Name one, or say --all",
                "tandem deploy --help");
  if (options.stop && !options.all)
    return fail(ErrorKind::invalid, "--stop-at-failure is for --all", "tandem deploy --help");
  Json params{{"who", person()}, {"dry_run", options.dry_run}, {"no_dump", options.no_dump}};
  if (options.all) {
    params["all"] = true;
    params["stop_at_failure"] = options.stop;
  } else {
    params["site"] = options.site;
    params["revision"] = options.revision;
  }
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "deploy", params));
  if (options.all) return show_all(line, answer, options.dry_run);
  if (!options.dry_run || line.json) return show(line, answer);
  print_outlook(line, answer);
  return {};
}

Result<void> roll_back(CommandLine& line, const ReleaseOptions& options) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "rollback",
                                                {{"site", options.site},
                                                 {"to", options.revision},
                                                 {"who", person()},
                                                 {"despite_migrations", options.despite_migrations}}));
  return show(line, answer);
}

} // namespace

void add_deploy(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<ReleaseOptions>();
  CLI::App* command = app.add_subcommand("deploy", "Build a release of a site beside the running one and switch to it");
  command->add_option("site", options->site, "The site's domain");
  command->add_option("revision", options->revision, "A branch, tag or commit; else the site's branch");
  command->add_flag("--all", options->all, "All sites in the order of importance, one after the other");
  command->add_flag("--stop-at-failure", options->stop, "With --all: none after one that failed");
  command->add_flag("--dry-run", options->dry_run, "Say what would be deployed; only the repository is fetched");
  command->add_flag("--no-dump", options->no_dump,
                    "Run its steps without a dump of the database before: what they spoil cannot be restored");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("A release that does not build or does not answer its health page changes nothing. Before its steps "
                  "run the database is dumped (tandem database dumps). `tandem deploys` shows what became of each.\n\n"
                  "Examples:\n  tandem deploy shop.example.org\n  tandem deploy shop.example.org 85e57f8\n"
                  "  tandem deploy --dry-run shop.example.org\n  tandem deploy --all");
  command->callback([&line, options] { line.chosen = [&line, options] { return deploy(line, *options); }; });
}

void add_rollback(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<ReleaseOptions>();
  CLI::App* command = app.add_subcommand("rollback", "Serve the release that a site had before");
  command->add_option("site", options->site, "The site's domain")->required();
  command->add_option("release", options->revision, "A release or the beginning of its commit; else the previous one");
  command->add_flag("--despite-migrations", options->despite_migrations,
                    "The older code works with the database as newer migrations left it");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("Examples:\n  tandem rollback shop.example.org\n  tandem rollback shop.example.org 85e57f8");
  command->callback([&line, options] { line.chosen = [&line, options] { return roll_back(line, *options); }; });
}

} // namespace tandem::cli
