// The configuration's way from the server where `apply` is run to all others. Idempotent: what is there already is
// not written again.
#include "agent/agent.hpp"
#include "agent/operations/all.hpp"
#include "base/text.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

Result<Json> put(OperationContext& context) {
  Agent& agent = context.agent();
  const Settings& settings = agent.settings();
  TANDEM_TRY(const Packed packed, unpack(context.params(), settings.configuration_file));
  const Snapshot snapshot = context.snapshot();
  for (const auto& name : {snapshot.server, context.from()})
    if (packed.configuration.pair->server(name) == nullptr)
      return fail(ErrorKind::refused, fmt::format("the new tandem.toml does not have {}", name),
                  "Taking a server out of a pair is a step of its own, not a change of the file alone");
  TANDEM_TRY(const bool changed, install(context.ports().files, settings.configuration_file, packed));
  agent.on_loop([&] {
    agent.adopt(packed.configuration.pair);
    if (changed) agent.log(fmt::format("took over tandem.toml from {}", context.from()));
  });
  return Json{{"changed", changed}};
}

} // namespace

Operation configuration_put_operation() {
  return {.name = "configuration.put", .callers = {Caller::peer}, .locks = {"configuration"}, .run = put};
}

Result<void> spread_configuration(const OperationContext& context, const std::vector<std::string>& servers) {
  Agent& agent = context.agent();
  const Settings& settings = agent.settings();
  system::Files& files = context.ports().files;
  TANDEM_TRY(const Configuration configuration, read_configuration(files, settings.configuration_file));
  TANDEM_TRY(const Json packed, pack(files, configuration));
  agent.on_loop([&] { agent.adopt(configuration.pair); });
  std::vector<std::string> failures;
  context.call_peers(servers, "configuration.put", packed, {},
                     [&](const std::string& server, const Result<Json>& answer) {
                       if (!answer) failures.push_back(server + ": " + answer.error().message);
                     });
  if (!failures.empty()) return failed("tandem.toml did not reach every server: " + join(failures, "; "));
  return {};
}

} // namespace tandem::agent
