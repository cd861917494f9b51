#include "agent/operation.hpp"

#include "agent/agent.hpp"
#include "peer/waiting.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

system::Ports& OperationContext::ports() const {
  return agent_.ports();
}

void OperationContext::report(std::string_view line) const {
  report_event({{"line", line}});
}

void OperationContext::report_event(const Json& event) const {
  agent_.loop().post([run = run_, event] { run->request.event(event); });
}

void OperationContext::log(const std::string& line) const {
  agent_.loop().post([&agent = agent_, line] { agent.log(line); });
}

void OperationContext::remember(const std::string& what, const std::string& failure) const {
  agent_.on_loop([&] { agent_.remember(what, failure); });
}

bool OperationContext::is_heard() const {
  bool heard = false;
  agent_.on_loop([&] { heard = run_->request.is_heard(); });
  return heard;
}

Snapshot OperationContext::snapshot() const {
  Snapshot snapshot;
  agent_.on_loop([&] { snapshot = agent_.state(); });
  return snapshot;
}

Result<std::shared_ptr<const model::Pair>> OperationContext::load_pair() const {
  const Settings& settings = agent_.settings();
  TANDEM_TRY(Configuration configuration, read_configuration(ports().files, settings.configuration_file));
  agent_.on_loop([&] { agent_.adopt(configuration.pair); });
  return configuration.pair;
}

Result<Json> OperationContext::call_peer(const std::string& server, const std::string& method, const Json& params,
                                         const std::function<void(const Json&)>& on_event,
                                         peer::CallOptions options) const {
  return ask_server(agent_, server, method, params, options, on_event);
}

Result<Json> ask_server(Agent& agent, const std::string& server, const std::string& method, const Json& params,
                        peer::CallOptions options, const std::function<void(const Json&)>& on_event) {
  const auto ask = [&agent, server, method, params, options](peer::Session::OnEvent event,
                                                             peer::Session::OnAnswer answer) {
    if (agent.network() == nullptr)
      return answer(fail(ErrorKind::unavailable, "this agent is not connected to its peers"));
    agent.network()->call(server, method, params, std::move(event), std::move(answer), options);
  };
  return peer::wait_for_answer(agent.loop(), ask, on_event);
}

// Every answer but the last arrives as an event, so that one wait serves them all.
void OperationContext::call_peers(const std::vector<std::string>& servers, const std::string& method,
                                  const Json& params, const OnPeerEvent& on_event, const OnPeerAnswer& on_answer,
                                  peer::CallOptions options) const {
  if (servers.empty()) return;
  std::set<std::string> open(servers.begin(), servers.end());
  const auto hand_over = [&](const Json& item) {
    const std::string server = item["server"];
    if (!item.contains("event")) open.erase(server);
    if (item.contains("event")) {
      if (on_event) on_event(server, item["event"]);
    } else if (item.contains("error")) {
      on_answer(server, std::unexpected(*peer::error_from_json(item["error"])));
    } else {
      on_answer(server, item["result"]);
    }
  };
  const auto ask_all = [&agent = agent_, servers, method, params, options](const peer::Session::OnEvent& event,
                                                                           const peer::Session::OnAnswer& answer) {
    const auto left = std::make_shared<std::size_t>(servers.size());
    for (const auto& server : servers) {
      const auto tell = [event, server](const Json& data) { event({{"server", server}, {"event", data}}); };
      const auto done = [event, answer, server, left](Result<Json> result) {
        if (result)
          event({{"server", server}, {"result", *result}});
        else
          event({{"server", server}, {"error", peer::to_json(result.error())}});
        if (--*left == 0) answer(Json());
      };
      if (agent.network() != nullptr)
        agent.network()->call(server, method, params, tell, done, options);
      else
        done(fail(ErrorKind::unavailable, "this agent is not connected to its peers"));
    }
  };
  const auto answered = peer::wait_for_answer(agent_.loop(), ask_all, hand_over, [this] { return cancelled(); });
  if (answered) return;
  for (const auto& server : open)
    on_answer(server, std::unexpected(answered.error()));
}

Json gather_from_servers(const OperationContext& context, Json own, const std::string& method, const Json& params) {
  Json servers = Json::array();
  servers.push_back(std::move(own));
  std::vector<std::string> connected;
  for (const auto& peer : context.snapshot().peers)
    if (peer.connected)
      connected.push_back(peer.name);
    else
      servers.push_back({{"name", peer.name}, {"problem", "it does not answer"}});
  context.call_peers(connected, method, params, {},
                     [&](const std::string& server, const Result<Json>& theirs) {
                       servers.push_back(theirs ? *theirs
                                                : Json{{"name", server}, {"problem", theirs.error().message}});
                     },
                     {.time_limit = std::chrono::seconds(5)});
  return {{"servers", std::move(servers)}};
}

} // namespace tandem::agent
