// Uploads that sites take in: what waits, runs, has failed and is done, and what becomes of one that failed.
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

std::string remark_on(const std::string& state, const Json& upload) {
  if (state == "failed") return upload.value("why", "");
  if (state == "done") return fmt::format("{} {}", upload.value("fate", ""), upload.value("at", ""));
  if (state == "waiting" && !upload.value("offered", "").empty())
    return upload["offered"].get<std::string>() + " is asked whether it has it";
  return {};
}

void print_import(std::ostream& out, const std::string& server, const Json& import) {
  const auto counts = import.value("counts", Json::object());
  const auto count = [&](const char* state) { return counts.value(state, 0U); };
  out << fmt::format("  {}: {} waiting, {} running, {} failed\n", server, count("waiting"), count("running"),
                     count("failed"));
  for (const auto* state : {"done", "failed", "running", "waiting"})
    for (const auto& upload : import[state]) {
      const auto cut = upload.value("interruptions", 0U);
      out << fmt::format("    {:<8} {}  {} ({} B) {}{}\n", state, upload["id"].get<std::string>(),
                         upload["name"].get<std::string>(), upload["size"].get<std::uint64_t>(),
                         remark_on(state, upload),
                         cut == 0 ? "" : fmt::format("; cut off {} time{} and repeated", cut, cut == 1 ? "" : "s"));
    }
}

Result<void> list_imports(CommandLine& line) {
  const auto print = [&out = line.environment.out](const std::string& server, const Json& import) {
    print_import(out, server, import);
  };
  return print_by_domain(line, "imports", print, "no site takes uploads in");
}

Result<void> decide(CommandLine& line, const std::string& what, const std::string& id) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "imports", {{what, id}}));
  auto& out = line.environment.out;
  if (what == "log")
    out << answer["log"].get<std::string>();
  else
    out << fmt::format("{} on {} {}\n", id, answer["server"].get<std::string>(),
                       what == "retry" ? "is imported again" : "is removed and will not be imported");
  return {};
}

} // namespace

void add_imports(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_listing(app, line, "imports",
                                  "List uploads that sites take in, and decide about one that failed", list_imports);
  command->footer("Each finished upload is handed to the site's command once, on the primary. One that failed is kept "
                  "with what the command said.\n\nExamples:\n  tandem imports\n  tandem imports log 1795509000123-uno-7"
                  "\n  tandem imports retry 1795509000123-uno-7");
  auto id = std::make_shared<std::string>();
  for (const auto& [what, help] : {std::pair{"log", "Print what the command said when it failed"},
                                   std::pair{"retry", "Import one that failed again"},
                                   std::pair{"drop", "Remove one that failed or waits; it cannot be brought back"}}) {
    CLI::App* one = command->add_subcommand(what, help);
    one->add_option("id", *id, "As `tandem imports` lists it, on whatever server it is")->required();
    one->footer(fmt::format("Example:\n  tandem imports {} 1795509000123-uno-7", what));
    one->callback(
        [&line, id, name = std::string(what)] { line.chosen = [&line, id, name] { return decide(line, name, *id); }; });
  }
}

} // namespace tandem::cli
