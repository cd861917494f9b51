#include "cli/logs.hpp"

#include "base/text.hpp"
#include "cli/environment.hpp"
#include "config/load.hpp"
#include "sites/layout.hpp"

#include <CLI/CLI.hpp>

namespace tandem::cli {

namespace {

constexpr auto* configuration_file = "/etc/tandem/tandem.toml";
constexpr auto* nginx_errors = "/var/log/nginx/error.log";
constexpr auto* nginx_requests = "/var/log/nginx/access.log";

// Lines of a log of all sites: the last ones, or those to come.
std::string lines_with(const std::string& file, const std::vector<std::string>& marks, const LogOptions& options) {
  std::string grep = "grep -F";
  for (const auto& mark : marks)
    grep += " -e " + shell_quoted(mark);
  if (!options.follow) return fmt::format("{} {} | tail -n {}", grep, file, options.lines);
  return fmt::format("tail -n 0 -qF {} 2>/dev/null | {} --line-buffered &", file, grep);
}

Result<model::Site> find_site(CommandLine& line, const std::string& domain) {
  auto& files = line.environment.files;
  TANDEM_TRY(auto text, files.read(configuration_file));
  const auto loaded = config::load({configuration_file, std::move(text)}, [&](const std::string& secret) {
    auto content = files.read(secret);
    return content ? std::optional(*std::move(content)) : std::nullopt;
  });
  if (!loaded.pair) return fail(ErrorKind::invalid, config::format(loaded.problems), "tandem check");
  if (const auto* site = loaded.pair->site(domain)) return *site;
  std::vector<std::string> domains;
  for (const auto& site : loaded.pair->sites)
    domains.push_back(site.domain);
  return fail(ErrorKind::not_found, "tandem.toml has no site " + domain,
              domains.empty() ? "It has none" : "It has " + tandem::join(domains, ", "));
}

Result<void> show(CommandLine& line, const std::string& domain, const LogOptions& options) {
  TANDEM_TRY(const auto site, find_site(line, domain));
  return line.environment.become({"sh", "-c", logs_line(site, options)});
}

} // namespace

std::string logs_line(const model::Site& site, const LogOptions& options) {
  std::vector<std::string> parts;
  parts.push_back(lines_with(nginx_errors, {"server: " + site.domain + ","}, options));
  if (options.requests) {
    std::vector<std::string> marks{"\" " + site.domain + " "};
    for (const auto& alias : site.aliases)
      marks.push_back("\" " + alias + " ");
    parts.push_back(lines_with(nginx_requests, marks, options));
  }
  // A shell's background jobs do not hear the terminal's interrupt.
  if (options.follow) parts.insert(parts.begin(), "trap 'kill $(jobs -p) 2>/dev/null' EXIT; trap exit INT TERM");
  parts.push_back(fmt::format("{}journalctl --no-pager --no-hostname --output=short-iso --lines={}{} --unit={}",
                              options.follow ? "" : "exec ", options.lines, options.follow ? " --follow" : "",
                              shell_quoted(sites::site_unit_pattern(site.domain))));
  return tandem::join(parts, "\n");
}

void add_logs(CLI::App& app, CommandLine& line) {
  auto domain = std::make_shared<std::string>();
  auto options = std::make_shared<LogOptions>();
  CLI::App* command =
      app.add_subcommand("logs", "Show what a site's applications wrote and nginx's errors, on this server");
  command->add_option("site", *domain, "The site's domain")->required();
  command->add_flag("-f,--follow", options->follow, "Go on with what is written from now on");
  command->add_option("-n,--lines", options->lines, "So many of the latest lines of each log")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  command->add_flag("--requests", options->requests, "nginx's log of requests, too");
  command->footer(
      "Needs no agent. What a request to the other server did stands in the other server's logs.\n\nExamples:\n"
      "  tandem logs shop.example.org\n  tandem logs -f --requests shop.example.org");
  command->callback(
      [&line, domain, options] { line.chosen = [&line, domain, options] { return show(line, *domain, *options); }; });
}

} // namespace tandem::cli
