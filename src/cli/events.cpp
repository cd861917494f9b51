// What the servers kept before it was written over, until somebody has looked at it.
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

void print_event(std::ostream& out, const Json& event) {
  out << fmt::format("  {:>3}  {}  {}\n", event["number"].get<std::uint64_t>(), event["time"].get<std::string>(),
                     event["text"].get<std::string>());
  for (const auto& path : event["paths"])
    out << "       kept in " << path.get<std::string>() << '\n';
}

Result<void> list(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "events", Json::object()));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  return print_by_server(answer, [&out](const std::string& name, const Json& server) {
    out << name << (server["events"].empty() ? ": nothing is kept\n" : ":\n");
    for (const auto& event : server["events"])
      print_event(out, event);
  });
}

// How to read it, in one line; plain files need none.
std::string how_to_read(const std::string& kind) {
  if (kind == "wal") return "WAL of PostgreSQL; /usr/lib/postgresql/*/bin/pg_waldump FILE shows the changes in it";
  if (kind == "database")
    return "a whole data directory; a PostgreSQL of the same version, started on a copy of it, has the rows";
  return kind == "gone" ? "nothing is left of it" : "";
}

void print_place(std::ostream& out, const Json& place) {
  const auto count = place["files"].get<std::uint64_t>();
  out << fmt::format("\n{}: {} file{}, {} B\n", place["path"].get<std::string>(), count, count == 1 ? "" : "s",
                     place["bytes"].get<std::uint64_t>());
  if (const auto how = how_to_read(place["kind"]); !how.empty()) out << "  " << how << '\n';
  for (const auto& file : place["first"])
    out << fmt::format("  {}  {:>12} B  {}\n", file["modified"].get<std::string>(), file["size"].get<std::uint64_t>(),
                       file["path"].get<std::string>());
  if (const auto named = place["first"].size(); named > 0 && named < count)
    out << fmt::format("  and {} more\n", count - named);
}

Result<void> show(CommandLine& line, std::uint64_t number) {
  TANDEM_TRY(const Json event, watch_operation(line.environment, "events", {{"show", number}}));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(event) << '\n';
    return {};
  }
  out << fmt::format("event {}, {}: {}\n", number, event["time"].get<std::string>(), event["text"].get<std::string>());
  for (const auto& place : event["kept"])
    print_place(out, place);
  out << fmt::format("\nOnce you need none of it: tandem events acknowledge {}\n", number);
  return {};
}

Result<void> acknowledge(CommandLine& line, std::uint64_t number) {
  TANDEM_TRY(const Json event, watch_operation(line.environment, "events", {{"acknowledge", number}}));
  auto& out = line.environment.out;
  if (line.json)
    out << peer::to_pretty_text(event) << '\n';
  else
    out << fmt::format("event {} is acknowledged, and what was kept for it is removed\n", number);
  return {};
}

} // namespace

void add_events(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_listing(app, line, "events", "List what the servers kept before it was written over: diverged data", list);
  command->footer("A number counts the events of its server. Nothing that is listed is removed before it is "
                  "acknowledged.\n\nExamples:\n  tandem events\n  tandem events show 1\n  tandem events acknowledge 1");
  auto number = std::make_shared<std::uint64_t>(0);
  CLI::App* look = command->add_subcommand("show", "Tell what this server kept for that event, file by file");
  look->add_option("number", *number, "As `tandem events` lists it; typed on that server")->required();
  look->add_flag("--json", line.json, "Print the answer as JSON");
  look->footer("Example:\n  tandem events show 1");
  look->callback([&line, number] { line.chosen = [&line, number] { return show(line, *number); }; });
  CLI::App* done = command->add_subcommand("acknowledge", "Remove what this server kept for that event");
  done->add_option("number", *number, "As `tandem events` lists it; typed on that server")->required();
  done->add_flag("--json", line.json, "Print the answer as JSON");
  done->footer("It cannot be brought back.\n\nExample:\n  tandem events acknowledge 1");
  done->callback([&line, number] { line.chosen = [&line, number] { return acknowledge(line, *number); }; });
}

} // namespace tandem::cli
