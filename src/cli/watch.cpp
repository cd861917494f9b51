#include "cli/watch.hpp"

#include "peer/local_client.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace tandem::cli {

Printer line_printer(Environment& environment) {
  return [&environment](const Json& event) {
    if (!event.is_object() || !event.contains("line") || !event["line"].is_string()) return;
    environment.errors << (environment.terminal ? "  \xc2\xb7 " : "") << event["line"].get<std::string>() << std::endl;
  };
}

Result<Json> watch_operation(Environment& environment, const std::string& name, const Json& params,
                             const Printer& printer) {
  TANDEM_TRY(auto client, peer::LocalClient::connect(environment.socket, environment.version));
  return client.call(name, params, printer);
}

Result<Json> watch_operation(Environment& environment, const std::string& name, const Json& params) {
  return watch_operation(environment, name, params, line_printer(environment));
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
