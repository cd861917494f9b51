// The releases that the servers have, what became of each deploy, and what was said meanwhile.
#include "base/text.hpp"
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

// "20261124083000-85e57f8", or what is known when it did not come so far.
std::string end_of(const Json& record, const char* end) {
  const auto release = record[end]["release"].get<std::string>();
  return release.empty() ? "nothing" : release;
}

std::string told_of(const Json& record) {
  if (record["outcome"] == "damaged") return "the record cannot be read: " + record["failure"].get<std::string>();
  const auto wanted = record["wanted"].get<std::string>();
  const auto took = record["ended"] == "" ? "" : fmt::format(" in {} s", record["seconds"].get<std::int64_t>());
  return fmt::format("{}  {:<8} {:<7} {} -> {}{}, asked for by {}{}", record["began"].get<std::string>(),
                     record["what"].get<std::string>(), record["outcome"].get<std::string>(), end_of(record, "from"),
                     end_of(record, "to"), took, record["who"].get<std::string>(),
                     wanted.empty() ? "" : " (" + wanted + ")");
}

void print_release(std::ostream& out, const Json& release) {
  const auto branch = release["branch"].get<std::string>();
  out << fmt::format("    {}  {}{}{}\n", release["release"].get<std::string>(),
                     branch.empty() ? "by its commit" : branch, release["live"].get<bool>() ? ", live" : "",
                     release["previous"].get<bool>() ? ", where a rollback leads" : "");
}

void print_site(std::ostream& out, const std::string& server, const Json& site) {
  out << fmt::format("{} on {}\n", site["site"].get<std::string>(), server);
  out << (site["releases"].empty() ? "  no release\n" : "  releases:\n");
  for (const auto& release : site["releases"])
    print_release(out, release);
  if (!site["deploys"].empty()) out << "  deploys, the newest first:\n";
  for (const auto& record : site["deploys"])
    out << fmt::format("    {:>4}  {}\n", record["number"].get<std::uint64_t>(), told_of(record));
}

Result<void> list_deploys(CommandLine& line, const std::string& site) {
  Json params = Json::object();
  if (!site.empty()) params["site"] = site;
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "deploys", params));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  return print_by_server(answer, [&out](const std::string& name, const Json& server) {
    for (const auto& one : server["sites"])
      print_site(out, name, one);
  });
}

Result<void> show_one(CommandLine& line, const std::string& site, std::uint64_t number) {
  TANDEM_TRY(const Json record, watch_operation(line.environment, "deploys", {{"site", site}, {"show", number}}));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(record) << '\n';
    return {};
  }
  out << fmt::format("{} of {}, number {}: {}\n\n", record["what"].get<std::string>(), site,
                     record["number"].get<std::uint64_t>(), told_of(record));
  out << record["log"].get<std::string>();
  return {};
}

} // namespace

void add_deploys(CLI::App& app, CommandLine& line) {
  auto site = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("deploys", "List releases and what became of each deploy and rollback");
  command->add_option("site", *site, "The site's domain; else all sites");
  command->add_flag("--json", line.json, "Print the answer as JSON");
  command->footer("The server that did a deploy keeps what it said; the latest 50 of each site.\n\nExamples:\n"
                  "  tandem deploys\n  tandem deploys shop.example.org\n  tandem deploys show shop.example.org 12");
  command->callback([&line, command, site] {
    if (command->get_subcommands().empty()) line.chosen = [&line, site] { return list_deploys(line, *site); };
  });
  auto number = std::make_shared<std::uint64_t>(0);
  CLI::App* one = command->add_subcommand("show", "Print what a deploy that this server did said, line by line");
  one->add_option("site", *site, "The site's domain")->required();
  one->add_option("number", *number, "As `tandem deploys` lists it; else the latest")->check(CLI::PositiveNumber);
  one->add_flag("--json", line.json, "Print the answer as JSON");
  one->footer("Examples:\n  tandem deploys show shop.example.org\n  tandem deploys show shop.example.org 12");
  one->callback(
      [&line, site, number] { line.chosen = [&line, site, number] { return show_one(line, *site, *number); }; });
}

} // namespace tandem::cli
