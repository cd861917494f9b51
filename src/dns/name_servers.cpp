#include "dns/name_servers.hpp"

#include "base/text.hpp"
#include "model/places.hpp"

#include <nlohmann/json.hpp>

namespace tandem::dns {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds patience{8}; // with a program that asks a server: it tries twice
constexpr std::chrono::minutes command_patience{2};
constexpr milliseconds look_again{500};
constexpr std::array<std::string_view, 3> no_contact{"timed out", "connection refused",
                                                     "could not reach"}; // nsupdate's
constexpr int no_answer = 9;                                             // dig(1): "no reply from server"

Result<std::string> dig(const Tools& tools, const std::string& server, std::vector<std::string> question) {
  std::vector<std::string> arguments{"dig", "+noall", "+answer", "+authority", "+time=2", "+tries=2"};
  if (!server.empty()) arguments.push_back("@" + server);
  arguments.insert(arguments.end(), question.begin(), question.end());
  TANDEM_TRY(const auto outcome, tools.processes.run({.arguments = std::move(arguments), .time_limit = patience}));
  if (outcome.ok()) return outcome.output;
  if (outcome.timed_out || outcome.status == no_answer)
    return fail(ErrorKind::unavailable,
                fmt::format("the name server{} does not answer", server.empty() ? "" : " " + server));
  return failed("dig: " + std::string(trim(outcome.errors + outcome.output)));
}

Result<Records> records_at(const Tools& tools, const std::string& server, const std::string& name) {
  TANDEM_TRY(const auto text, dig(tools, server, {name, "A", name, "AAAA", name, "SOA"}));
  return parse_answer(name, text);
}

// Values of one type in an answer.
std::vector<std::string> values_of(const std::string& text, const std::string& type) {
  std::vector<std::string> values;
  for (const auto& line : lines_of(text)) {
    std::istringstream fields(line);
    std::string owner;
    std::string ttl;
    std::string in;
    std::string kind;
    std::string value;
    if (fields >> owner >> ttl >> in >> kind >> value && kind == type) values.push_back(value);
  }
  return values;
}

// The addresses of the zone's authoritative servers, as the server that takes the updates knows them.
Result<std::vector<std::string>> authoritative(const Tools& tools, const model::Dns& settings,
                                               const std::string& zone) {
  TANDEM_TRY(const auto text, dig(tools, settings.server, {zone, "NS"}));
  std::vector<std::string> servers;
  for (const auto& name : values_of(text, "NS")) {
    TANDEM_TRY(const auto there, dig(tools, settings.server, {name, "A"}));
    auto addresses = values_of(there, "A");
    if (addresses.empty()) { // it lies in another zone
      TANDEM_TRY(const auto anywhere, dig(tools, "", {name, "A"}));
      addresses = values_of(anywhere, "A");
    }
    servers.insert(servers.end(), addresses.begin(), addresses.end());
  }
  return servers;
}

Result<void> nsupdate(const Tools& tools, const model::Dns& settings, const Change& change) {
  const auto ttl = static_cast<std::uint32_t>(settings.ttl.count());
  TANDEM_TRY(const auto outcome, tools.processes.run({.arguments = {"nsupdate", "-t", "5", "-k", model::dns_key},
                                                      .input = update_script(settings.server, change, ttl),
                                                      .time_limit = std::chrono::seconds(20)}));
  if (outcome.ok()) return {};
  const auto said = std::string(trim(outcome.errors + outcome.output));
  if (said.find("NXRRSET") != std::string::npos || said.find("YXRRSET") != std::string::npos)
    return fail(ErrorKind::refused, change.name + " says something else by now");
  const bool silent = outcome.timed_out || std::ranges::any_of(no_contact, [&](std::string_view words) {
                        return said.find(words) != std::string::npos;
                      });
  if (silent) return fail(ErrorKind::unavailable, "the name server " + settings.server + " does not answer");
  return fail(ErrorKind::refused,
              fmt::format("the name server {} does not change {}: {}", settings.server, change.name,
                          replace_all(said, "\n", "; ")),
              "Whether its key may change these names, its own configuration tells");
}

Result<void> run_command(const Tools& tools, const model::Dns& settings, const Change& change) {
  const nlohmann::json told{{"name", change.name},
                            {"zone", change.zone},
                            {"from", {{"A", change.from.a}, {"AAAA", change.from.aaaa}}},
                            {"to", {{"A", change.to.a}, {"AAAA", change.to.aaaa}}},
                            {"ttl", settings.ttl.count()}};
  TANDEM_CHECK(run_checked(
      tools.processes, {.arguments = settings.command, .input = told.dump() + "\n", .time_limit = command_patience}));
  return {};
}

} // namespace

Result<Records> look_up(const Tools& tools, const model::Dns& settings, const std::string& name) {
  return records_at(tools, settings.server, name);
}

Result<void> carry_out(const Tools& tools, const model::Dns& settings, const Change& change) {
  if (settings.provider == "command") return run_command(tools, settings, change);
  if (settings.provider == "manual")
    return fail(ErrorKind::refused, "to be changed by hand: " + to_text(change),
                fmt::format("with a TTL of {} s", settings.ttl.count()));
  return nsupdate(tools, settings, change);
}

Result<void> verify(const Tools& tools, const model::Dns& settings, const Change& change, milliseconds limit) {
  TANDEM_TRY(const auto servers, authoritative(tools, settings, change.zone));
  const auto until = tools.clock.boot_time() + limit;
  for (;;) {
    std::vector<std::string> behind;
    for (const auto& server : servers) {
      const auto records = records_at(tools, server, change.name);
      if (!records || records->a != change.to.a || records->aaaa != change.to.aaaa) behind.push_back(server);
    }
    if (behind.empty()) return {};
    if (tools.clock.boot_time() >= until || !tools.pause(look_again))
      return fail(ErrorKind::unavailable,
                  fmt::format("{} is changed, but {} does not say so yet", change.name, join(behind, " and ")));
  }
}

} // namespace tandem::dns
