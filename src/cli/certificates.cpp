// The sites' certificates: what each server has and serves, and new ones now.
#include "cli/watch.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

namespace {

std::string line_of(const Json& certificate) {
  if (!certificate.contains("until")) return "none that can be read";
  const auto temporary = certificate.value("temporary", false);
  return fmt::format("{}, until {}{}{}", temporary ? "the pair's own, which no browser knows" : certificate["issuer"],
                     certificate["until"].get<std::string>(),
                     temporary ? "" : ", renewed from " + certificate["renewed_from"].get<std::string>(),
                     certificate.value("served", false) ? "" : "; nginx does not serve it");
}

Result<void> list_certificates(CommandLine& line) {
  const auto print = [&out = line.environment.out](const std::string& server, const Json& certificate) {
    out << fmt::format("  {:<10} {}\n", server, line_of(certificate));
  };
  return print_by_domain(line, "certificates", print, "no site has a certificate yet");
}

Result<void> renew(CommandLine& line, const std::string& site) {
  Json params = Json::object();
  if (!site.empty()) params["site"] = site;
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "certificates.renew", params));
  for (const auto& one : answer["sites"])
    line.environment.out << one["domain"].get<std::string>() << " has a new certificate"
                         << (one.value("served", true) ? "\n" : "; nginx does not serve it yet: tandem status\n");
  return {};
}

} // namespace

void add_certificates(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_listing(app, line, "certificates", "List the sites' certificates, or get new ones now", list_certificates);
  command->footer("They are got and renewed by themselves, by the primary; the standbys have them seconds later.\n\n"
                  "Examples:\n  tandem certificates\n  tandem certificates renew shop.example");
  auto site = std::make_shared<std::string>();
  CLI::App* anew = command->add_subcommand("renew", "Get a new certificate now, whatever the one at hand says");
  anew->add_option("site", *site, "Its domain; not given: all sites");
  anew->footer("For a key that somebody may have seen, or when the cause of a failure has been mended. ACME servers "
               "refuse more than a few in a week.\n\nExample:\n  tandem certificates renew shop.example");
  anew->callback([&line, site] { line.chosen = [&line, site] { return renew(line, *site); }; });
}

} // namespace tandem::cli
