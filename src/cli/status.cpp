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

// What a standby's database says of itself, or the primary of it; both are asked at about the same moment.
std::string database_of(const Json& server, const Json* primary) {
  const Json database = server.value("database", Json::object());
  const auto state = database.value("state", "-");
  if (state != "standby" || primary == nullptr) return state == "primary" ? "takes writes" : state;
  const Json of_primary = primary->value("database", Json::object());
  for (const auto& link : of_primary.value("standbys", Json::array()))
    if (link["server"] == server["name"])
      return !link["lag_bytes"].is_number()
                 ? link.value("state", "follows") // its lag is not known in the first seconds
                 : fmt::format("{} B, {:.1f} s behind", link["lag_bytes"].get<std::uint64_t>(),
                               link["lag_seconds"].is_number() ? link["lag_seconds"].get<double>() : 0.0);
  return "does not follow";
}

std::string files_of(const Json& server, const Json* primary) {
  if (primary == nullptr || &server == primary) return "-";
  const Json files = primary->value("files", Json::object());
  for (const auto& standby : files.value("standbys", Json::array())) {
    if (standby["server"] != server["name"]) continue;
    if (!standby["complete_to"].is_string()) return "not compared yet";
    return "complete to " + standby["complete_to"].get<std::string>() +
           (standby.value("streamed", false) ? "" : ", by comparison");
  }
  return "-";
}

const Json* primary_of(const Json& servers) {
  for (const auto& server : servers)
    if (role_of(server) == "primary") return &server;
  return nullptr;
}

void print_servers(std::ostream& out, const Json& servers, const std::string& self) {
  out << fmt::format("\n{:<16} {:<14} {:<6} {:<8} {:<20} {}\n", "SERVER", "ROLE", "EPOCH", "AGENT", "DATABASE",
                     "FILES");
  const auto* primary = primary_of(servers);
  for (const auto& server : servers) {
    const std::string name = server.value("name", "?");
    const std::uint64_t epoch = server.value("epoch", std::uint64_t{0});
    out << fmt::format("{:<16} {:<14} {:<6} {:<8} {:<20} {}\n", name + (name == self ? " (here)" : ""), role_of(server),
                       epoch == 0 ? "-" : std::to_string(epoch), server.value("version", "-"),
                       database_of(server, primary), files_of(server, primary));
  }
}

std::string release_of(const Json& site) {
  if (!site["release"].is_string())
    return site.value("by_hand", false) ? "none yet: it goes on as it was set up by hand" : "not deployed";
  return site["release"].get<std::string>() + (site.value("runs", false)    ? ""
                                               : site.value("rests", false) ? " (rests)"
                                                                            : " (does not run)");
}

// A line a site: what the primary serves, and what the others have when it is something else.
void print_sites(std::ostream& out, const Json& servers) {
  const auto* primary = primary_of(servers);
  if (primary == nullptr || primary->value("sites", Json::array()).empty()) return;
  out << fmt::format("\n{:<32} {}\n", "SITE", "RELEASE");
  for (const auto& site : (*primary)["sites"]) {
    auto line = fmt::format("{:<32} {}", site["domain"].get<std::string>(), release_of(site));
    for (const auto& server : servers)
      for (const auto& theirs : server.value("sites", Json::array()))
        if (&server != primary && theirs["domain"] == site["domain"] && release_of(theirs) != release_of(site))
          line += "; " + server.value("name", "?") + ": " + release_of(theirs);
    out << line << '\n';
  }
}

// Of what is under way; the agents' small questions to each other are none.
bool is_work(const std::string& operation) {
  static const std::set<std::string> work{
      "apply",         "server.apply",    "deploy", "rollback",    "switchover",      "join",         "remove",
      "database.copy", "files.reconcile", "init",   "join.accept", "updates.install", "server.update"};
  return work.contains(operation);
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
  print_servers(out, status["servers"], status.value("self", ""));
  print_sites(out, status["servers"]);
  if (status["servers"].size() == 1)
    out << "\nno second server: nothing takes over when this one fails. A [[server]] more in tandem.toml, then `tandem "
           "init --token` here\nand `tandem join` there make it a pair; visitors notice nothing of it.\n";
  for (const auto& server : status["servers"])
    if (server.contains("events"))
      out << fmt::format("\n{} keeps what it had before it followed another server: `tandem events` lists it\n",
                         server.value("name", "?"));
  for (const auto& server : status["servers"])
    for (const auto& running : server.value("operations", Json::array()))
      if (is_work(running.value("name", "")))
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
