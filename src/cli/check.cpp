#include "cli/environment.hpp"
#include "config/load.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <ostream>

namespace tandem::cli {

namespace {

constexpr auto* usual_file = "/etc/tandem/tandem.toml";

Result<void> check(CommandLine& line, const std::string& file) {
  auto& files = line.environment.files;
  const std::string path = std::filesystem::absolute(file).lexically_normal();
  auto text = files.read(path);
  if (!text && text.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::invalid, "there is no " + path,
                "Write it first: /usr/share/doc/tandem/configuration.md tells what it may say");
  if (!text) return std::unexpected(std::move(text).error());
  const auto loaded = config::load({path, *std::move(text)}, [&](const std::string& secret) {
    auto content = files.read(secret);
    return content ? std::optional(*std::move(content)) : std::nullopt;
  });
  if (loaded.pair) {
    line.environment.out << fmt::format("{}: nothing is wrong; servers: {}, users: {}, sites: {}\n", path,
                                        loaded.pair->servers.size(), loaded.pair->users.size(),
                                        loaded.pair->sites.size());
    return {};
  }
  return fail(ErrorKind::invalid, config::format(loaded.problems), "Every key: /usr/share/doc/tandem/configuration.md");
}

} // namespace

void add_check(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("check", "Say everything that is wrong with tandem.toml; changes nothing");
  auto file = std::make_shared<std::string>(usual_file);
  command->add_option("file", *file, std::string("Another file than ") + usual_file);
  command->footer("Needs no agent and no second server. Exit status 2 when something is wrong.\n\n"
                  "Examples:\n  tandem check\n  tandem check ./tandem.toml");
  command->callback([&line, file] {
    line.for_all = true;
    line.chosen = [&line, file] { return check(line, *file); };
  });
}

} // namespace tandem::cli
