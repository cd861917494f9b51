#include "cli/watch.hpp"

#include "base/text.hpp"
#include "peer/local_client.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <csignal>
#include <ostream>

namespace tandem::cli {

namespace {

// Who types Ctrl-C learns that this ended the watching only.
class Interrupt {
public:
  explicit Interrupt(bool goes_on) {
    if (!goes_on) return;
    struct sigaction action{};
    action.sa_handler = say_and_end;
    ::sigaction(SIGINT, &action, &before_);
    set_ = true;
  }

  ~Interrupt() {
    if (set_) ::sigaction(SIGINT, &before_, nullptr);
  }

  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

private:
  static void say_and_end(int /*signal*/) {
    constexpr std::string_view text = "\nThe agents go on with it; `tandem status` shows what is under way and what "
                                      "came of it.\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(128 + SIGINT);
  }

  struct sigaction before_{};
  bool set_ = false;
};

// Those that only look are not worth the words.
bool goes_on_alone(const std::string& operation) {
  static const std::set<std::string> looks{"status", "plan", "runbook", "deploys"};
  return !looks.contains(operation);
}

} // namespace

Printer line_printer(Environment& environment) {
  return [&environment](const Json& event) {
    if (!event.is_object() || !event.contains("line") || !event["line"].is_string()) return;
    environment.errors << (environment.terminal ? "  \xc2\xb7 " : "") << event["line"].get<std::string>() << std::endl;
  };
}

Result<Json> watch_operation(Environment& environment, const std::string& name, const Json& params,
                             const Printer& printer) {
  TANDEM_TRY(auto client, peer::LocalClient::connect(environment.socket, environment.version));
  const Interrupt interrupt(goes_on_alone(name));
  return client.call(name, params, printer);
}

Result<Json> watch_operation(Environment& environment, const std::string& name, const Json& params) {
  return watch_operation(environment, name, params, line_printer(environment));
}

namespace {

// {domain: {server: thing}}
Result<Json> status_by_domain(Environment& environment, const char* member) {
  TANDEM_TRY(const Json status, watch_operation(environment, "status", Json::object()));
  Json domains = Json::object();
  for (const auto& server : status["servers"])
    for (const auto& one : server.value(member, Json::array()))
      domains[one["domain"].get<std::string>()][server["name"].get<std::string>()] = one;
  return domains;
}

} // namespace

Result<void> print_by_domain(CommandLine& line, const char* member, const DomainPrinter& printer,
                             const std::string& none) {
  TANDEM_TRY(const Json domains, status_by_domain(line.environment, member));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(domains) << '\n';
    return {};
  }
  for (const auto& [domain, servers] : domains.items()) {
    out << domain << '\n';
    for (const auto& [server, one] : servers.items())
      printer(server, one);
  }
  if (domains.empty()) out << none << '\n';
  return {};
}

Result<void> print_by_server(const Json& answer,
                             const std::function<void(const std::string& name, const Json& server)>& printer) {
  std::vector<std::string> silent;
  for (const auto& server : answer["servers"]) {
    const auto name = server["name"].get<std::string>();
    if (server.contains("problem"))
      silent.push_back(fmt::format("{}: {}", name, server["problem"].get<std::string>()));
    else
      printer(name, server);
  }
  if (silent.empty()) return {};
  return fail(ErrorKind::unavailable, "not all servers were asked: " + tandem::join(silent, "; "));
}

Result<void> ensure_agent(Environment& environment) {
  if (const auto runs = peer::LocalClient::connect(environment.socket, environment.version))
    return {};
  else if (runs.error().kind != ErrorKind::unavailable)
    return std::unexpected(runs.error());
  line_printer(environment)({{"line", "starting the agent"}});
  for (const char* unit : {"tandem-gate.socket", "tandem.service"}) {
    TANDEM_CHECK(environment.services.enable(unit));
    TANDEM_CHECK(environment.services.start(unit));
  }
  return {};
}

} // namespace tandem::cli
