#include "agent/agent.hpp"

#include "agent/joining.hpp"
#include "peer/authority.hpp"

#include <nlohmann/json.hpp>

#include <future>

namespace tandem::agent {

namespace {

constexpr std::chrono::seconds stop_patience{20};
constexpr std::chrono::seconds listen_again{3};

} // namespace

Agent::Agent(peer::Loop& loop, const system::Ports& ports, Settings settings, std::vector<Operation> operations)
    : loop_(loop), services_(ports.services, ports.questions), databases_(ports.databases),
      ports_{ports.files, ports.processes, services_,   ports.packages, ports.accounts,
             databases_,  ports.clock,     ports.reach, nullptr,        ports.uploads},
      settings_(std::move(settings)), gate_(loop, ports.files, settings_.run_folder),
      streams_(*this, settings_.streams, settings_.stream_ports), runner_(*this, std::move(operations)) {}

Agent::~Agent() = default;

std::string Agent::identity_path(const std::string& file) const {
  return agent::identity_path(settings_.state_folder, file);
}

Json Agent::running() const {
  return runner_.running();
}

Result<void> Agent::begin_own(const std::string& operation) {
  return begin_own(operation, Json::object());
}

void Agent::log(const std::string& line) const {
  if (settings_.log) settings_.log(line);
}

Result<void> Agent::start() {
  TANDEM_TRY(const std::string start_id, peer::random_hex(8));
  boot_id_ = settings_.machine.boot_id + "/" + start_id;
  TANDEM_CHECK(ports_.files.make_folder(settings_.run_folder, 0755, {}));
  TANDEM_TRY(auto membership, load_membership(ports_.files, settings_.state_folder));
  TANDEM_TRY(commands_,
             peer::listen_unix(loop_, settings_.run_folder + "/agent.sock",
                               [this](peer::ConnectionPtr connection) { take_command(std::move(connection)); }));
  TANDEM_CHECK(gate_.listen(settings_.gate_socket, settings_.run_folder + "/gate.sock"));
  if (!membership) {
    log("this server belongs to no pair yet; waiting for `tandem init` or `tandem join`");
    return gate_.open_as_before();
  }
  auto configuration = read_configuration(ports_.files, settings_.configuration_file);
  if (!configuration) log(describe(configuration.error()));
  become_member(*std::move(membership), configuration ? configuration->pair : nullptr);
  return {};
}

// ---- being a member

void Agent::become_member(Membership membership, std::shared_ptr<const model::Pair> pair) {
  membership_ = std::move(membership);
  set_pair(std::move(pair));
  log(fmt::format("this server is {} of pair {}", membership_->server, membership_->pair_id));
  listen_for_peers();
  if (settings_.on_member) settings_.on_member(*this);
}

// Without a readable tandem.toml nobody is known to talk to; without the port nobody reaches us. Both are tried
// again for ever, and status says what is the matter meanwhile.
void Agent::listen_for_peers() {
  if (network_ || !membership_ || !commands_) return;
  const auto again = [this](std::string why) {
    if (why != problem_) log(why);
    problem_ = std::move(why);
    retry_ = loop_.after(listen_again, [this] { listen_for_peers(); });
  };
  if (!pair_) {
    auto configuration = read_configuration(ports_.files, settings_.configuration_file);
    if (!configuration) return again(configuration.error().message);
    set_pair(configuration->pair);
  }
  const peer::Address where = settings_.listen.value_or(peer::Address{"", pair_->port});
  auto network = std::make_unique<peer::Network>(
      loop_, peer::NetworkSettings{hello(), membership_->identity, where, others(), settings_.timing}, network_hooks());
  network->set_standing(standing_);
  if (auto started = network->start(); !started) return again(started.error().message);
  problem_.clear();
  network_ = std::move(network);
  log(fmt::format("listening for peers on port {}", network_->port()));
}

peer::Hello Agent::hello() const {
  return {membership_->pair_id, membership_->server, boot_id_, settings_.version};
}

// Whoever takes part in the role has to be reached, also when the file does without it already.
std::vector<peer::Member> Agent::others() {
  std::vector<peer::Member> others;
  const auto members = settings_.members ? settings_.members(*this) : std::vector<std::string>();
  for (const auto& before : others_)
    if (pair_->server(before.name) == nullptr && std::ranges::find(members, before.name) != members.end())
      others.push_back(before);
  for (const auto& server : pair_->servers)
    if (server.name != membership_->server) {
      const std::string& host = server.peer_address.empty() ? server.address : server.peer_address;
      others.push_back({server.name, {host, pair_->port}});
    }
  others_ = others;
  return others;
}

peer::Network::Hooks Agent::network_hooks() {
  peer::Network::Hooks hooks;
  hooks.on_request = [this](const peer::Request& request) { runner_.begin(request, true); };
  hooks.on_stream = [this](const peer::Request& request) { streams_.accept(request); };
  hooks.strangers = [this] {
    const auto record = load_record(ports_.files, settings_.state_folder);
    return record && *record;
  };
  hooks.met = [this](const std::string& server, const peer::Standing& standing) {
    if (settings_.on_standing) settings_.on_standing(*this, server, standing);
  };
  hooks.on_change = [this](const std::string& server, bool connected) {
    if (!connected) turns_.forget(server);
    if (settings_.on_peer) settings_.on_peer(*this, server, connected);
  };
  hooks.log = [this](const std::string& line) { log(line); };
  return hooks;
}

void Agent::set_pair(std::shared_ptr<const model::Pair> pair) {
  pair_ = std::move(pair);
  if (pair_) gate_.set_hold_limit(pair_->role.hold);
}

void Agent::adopt(std::shared_ptr<const model::Pair> pair) {
  set_pair(std::move(pair));
  if (network_) {
    listen_where_configured();
    network_->set_others(others());
  }
}

// [pair] port has changed. Another program may have the new one: tried again for ever, as at the start.
void Agent::listen_where_configured() {
  if (settings_.listen || ending_) return;
  retry_.cancel();
  const auto before = network_->port();
  if (auto moved = before == pair_->port ? Result<void>() : network_->listen_on({"", pair_->port}); !moved) {
    if (moved.error().message != problem_) log(moved.error().message);
    problem_ = std::move(moved.error().message);
    retry_ = loop_.after(listen_again, [this] { listen_where_configured(); });
    return;
  }
  problem_.clear();
  if (before != network_->port()) log(fmt::format("listening for peers on port {} too", network_->port()));
}

void Agent::set_standing(peer::Standing standing) {
  if (standing.primary != standing_.primary) streams_.end_started();
  standing_ = std::move(standing);
  if (network_) network_->set_standing(standing_);
}

Snapshot Agent::state() const {
  Snapshot snapshot;
  if (membership_) {
    snapshot.pair_id = membership_->pair_id;
    snapshot.server = membership_->server;
  }
  snapshot.boot_id = boot_id_;
  snapshot.version = settings_.version;
  snapshot.problem = problem_;
  snapshot.standing = standing_;
  snapshot.pair = pair_;
  if (network_) snapshot.peers = network_->peers();
  return snapshot;
}

// ---- commands

void Agent::take_command(peer::ConnectionPtr connection) {
  peer::Session::Hooks hooks;
  hooks.on_request = [this](const peer::Request& request) {
    if (request.method() == "stream")
      streams_.pass_on(request);
    else
      runner_.begin(request, membership_.has_value());
  };
  hooks.on_closed = [this](const std::shared_ptr<peer::Session>& session, const Error&) { sessions_.erase(session); };
  peer::Hello own{{}, membership_ ? membership_->server : "", boot_id_, settings_.version};
  auto session = std::make_shared<peer::Session>(loop_, std::move(connection), Caller::command, std::move(own),
                                                 settings_.timing, std::move(hooks));
  sessions_.insert(session);
  session->start();
}

void Agent::forget_command(const peer::ConnectionPtr& connection) {
  std::erase_if(sessions_, [&](const auto& session) { return session->connection() == connection; });
}

void Agent::on_loop(const std::function<void()>& work) {
  std::promise<void> done;
  loop_.post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

// ---- the end

void Agent::stop() {
  if (stopping_.armed() || !commands_) return;
  log("stopping");
  ending_ = true;
  system::notify_stopping();
  commands_.reset();
  retry_.cancel();
  runner_.cancel_all();
  streams_.close(Error{ErrorKind::unavailable, "the agent stops", {}});
  if (network_) network_->close(Error{ErrorKind::unavailable, "the agent stops", {}});
  stop_limit_ = std::chrono::steady_clock::now() + stop_patience;
  finish_stopping();
}

void Agent::finish_stopping() {
  const bool late = std::chrono::steady_clock::now() > stop_limit_;
  if (!runner_.idle() && !late) {
    stopping_ = loop_.after(std::chrono::milliseconds(20), [this] { finish_stopping(); });
    return;
  }
  for (const auto& session : std::exchange(sessions_, {}))
    session->close(Error{ErrorKind::unavailable, "the agent stops", {}});
  // The last words are on their way; one more turn of the loop sends them.
  stopping_ = loop_.after(std::chrono::milliseconds(50), [this] { loop_.stop(); });
}

Result<void> run_agent(const system::Ports& ports, Settings settings, std::vector<Operation> operations) {
  peer::Loop loop;
  Agent agent(loop, ports, std::move(settings), std::move(operations));
  TANDEM_CHECK(agent.start());
  loop.on_stop_signal([&] { agent.stop(); });
  system::notify_ready(agent.state().server.empty() ? "belongs to no pair yet" : "is " + agent.state().server);
  loop.run();
  if (agent.idle()) return {};
  // Every step that an operation takes survives being killed, and its thread cannot be waited for any longer.
  agent.log("ending although an operation is still under way");
  std::_Exit(1);
}

} // namespace tandem::agent
