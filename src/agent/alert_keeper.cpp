#include "agent/alert_keeper.hpp"

#include "agent/binding.hpp"
#include "agent/duties.hpp"
#include "agent/operations/all.hpp"
#include "agent/times.hpp"
#include "base/text.hpp"
#include "journal/state_file.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto alert_tick = std::chrono::seconds(10);
constexpr auto after_a_failure = std::chrono::minutes(2);
constexpr auto longest_telling = std::chrono::seconds(60);
constexpr auto settling_after_start =
    std::chrono::seconds(60);                    // after a start: peers connect, and keepers take their first look
constexpr auto* sendmail = "/usr/sbin/sendmail"; // of whichever mail server is there

WallMoment wall_moment(Agent& agent) {
  return std::chrono::floor<std::chrono::seconds>(agent.ports().clock.wall_time());
}

std::set<Channel> channels_of(const model::Pair& pair) {
  std::set<Channel> channels;
  if (pair.alerts.by_mail(pair.host)) channels.insert("mail");
  if (!pair.alerts.command.empty()) channels.insert("command");
  return channels;
}

// The primary; as long as there is none in reach, every server for itself.
bool speaks(const Snapshot& snapshot) {
  const auto& primary = snapshot.standing.primary;
  const auto peer = std::ranges::find(snapshot.peers, primary, &peer::PeerState::name);
  return primary == snapshot.server || peer == snapshot.peers.end() || !peer->connected;
}

Result<void> send(Agent& agent, const model::Pair& pair, const std::string& server, const Channel& channel,
                  const AlertMessage& message) {
  const AlertSource source{.pair = pair.name, .server = server};
  system::Command command{.arguments = pair.alerts.command, .time_limit = longest_telling};
  if (channel == "mail") {
    command.arguments = {sendmail, "-i", "-F", "tandem on " + server, "--", pair.admin_mail};
    command.input = mail_text(source, pair.admin_mail, message);
  } else {
    command.input = peer::to_text(alert_json(source, message)) + "\n";
  }
  TANDEM_CHECK(system::run_checked(agent.ports().processes, command));
  return {};
}

journal::StateFile book_file(Agent& agent) {
  return {agent.ports().files, agent.settings().state_folder + "/alerts.json", "alerts", 1};
}

} // namespace

void AlertKeeper::start(Agent& agent) {
  started_ = agent.ports().clock.boot_time();
  const auto due = [&agent] { return agent.state().pair != nullptr; };
  recurring_ = Recurring::start(agent, alert_tick, weak_from_this(), due, [this, &agent] { work(agent); });
}

void AlertKeeper::load(Agent& agent) {
  if (std::exchange(loaded_, true)) return;
  const auto kept = book_file(agent).load();
  if (!kept) {
    keeps_ = kept.error().kind != ErrorKind::invalid; // one of a later version is not written over
    return agent.log("what was told before is not known, and is told again: " + describe(kept.error()));
  }
  if (!*kept) return;
  if (const auto json = peer::parse_json((*kept)->content)) book_ = AlertBook::from_json(*json);
  book_.begin(wall_moment(agent));
}

// Before anything is sent it is known what stands; after it, that it was told. Cut off in between, it is told twice.
void AlertKeeper::store(Agent& agent) {
  const auto text = peer::to_text(book_.to_json());
  if (text == stored_ || !keeps_) return;
  if (const auto done = book_file(agent).store(text); !done)
    return agent.log("what was told cannot be kept: " + describe(done.error()));
  stored_ = text;
}

void AlertKeeper::work(Agent& agent) {
  const auto status = pair_status(look_context(agent));
  const auto snapshot = snapshot_of(agent);
  if (!snapshot.pair) return;
  const auto channels = channels_of(*snapshot.pair);
  const auto now = wall_moment(agent);
  const std::lock_guard held(book_work_);
  load(agent);
  std::set<std::string> silent;
  for (const auto& server : status["servers"])
    if (!server.value("reachable", false)) silent.insert(server["name"].get<std::string>());
  if (agent.ports().clock.boot_time() - started_ < settling_after_start) return;
  book_.see(status["problems"].get<std::vector<std::string>>(), snapshot.standing.primary, channels, now, silent);
  if (speaks(snapshot)) {
    tell(agent, *snapshot.pair, snapshot.server, now);
  } else {
    book_.leave_to_others(channels, now);
    next_.clear();
    agent.on_loop([&] { failures_.clear(); }); // it is not this server's to tell any more
  }
  store(agent);
}

void AlertKeeper::tell(Agent& agent, const model::Pair& pair, const std::string& server, WallMoment now) {
  for (const auto& channel : channels_of(pair)) {
    const auto message = book_.due(channel, now);
    if (message.empty() || agent.ports().clock.boot_time() < next_[channel]) continue;
    const auto sent = send(agent, pair, server, channel, message);
    if (sent)
      book_.told(channel, message, now);
    else
      next_[channel] = agent.ports().clock.boot_time() + after_a_failure;
    note(agent, channel, sent);
  }
}

void AlertKeeper::note(Agent& agent, const Channel& channel, const Result<void>& sent) {
  const auto failure = sent ? std::string() : describe(sent.error());
  agent.on_loop([&] {
    auto& before = failures_[channel];
    if (!failure.empty() && failure != before) agent.log(fmt::format("alerts by {}: {}", channel, failure));
    before = failure;
  });
}

void AlertKeeper::add_status(const OperationContext& context, Json& status) {
  const auto pair = context.snapshot().pair;
  if (!pair) return;
  std::map<Channel, std::string> failures;
  context.agent().on_loop([&] { failures = failures_; });
  const auto channels = channels_of(*pair);
  for (const auto& [channel, failure] : failures)
    if (!failure.empty() && channels.contains(channel))
      status["problems"].push_back(
          fmt::format("alerts by {} reach nobody: {} (`tandem alerts test` tries again)", channel, failure));
}

Json AlertKeeper::list(Agent& agent) {
  const auto snapshot = snapshot_of(agent);
  Json alerts = Json::array();
  const std::lock_guard held(book_work_);
  load(agent);
  for (const auto& alert : book_.all()) {
    auto told = Json::array();
    for (const auto& [channel, at] : alert.told)
      told.push_back(channel);
    alerts.push_back({{"text", alert.text}, {"since", utc_text(alert.since)}, {"told", std::move(told)}});
  }
  return {{"alerts", std::move(alerts)},
          {"channels", snapshot.pair ? channels_of(*snapshot.pair) : std::set<Channel>()},
          {"speaks", speaks(snapshot)}};
}

Result<Json> AlertKeeper::test(OperationContext& context) {
  auto& agent = context.agent();
  TANDEM_TRY(const auto pair, context.load_pair());
  const auto server = context.snapshot().server;
  const auto now = wall_moment(agent);
  const Alert alert{.text = "a test: this would be a problem of the pair", .since = now, .seen = now, .told = {}};
  std::vector<std::string> failures;
  Json sent_by = Json::array();
  for (const auto& channel : channels_of(*pair)) {
    const auto sent = send(agent, *pair, server, channel, {.begun = {alert}, .ended = {}, .open = {}});
    note(agent, channel, sent);
    if (sent)
      sent_by.push_back(channel);
    else
      failures.push_back(channel + ": " + describe(sent.error()));
  }
  if (!failures.empty()) return failed(join(failures, "\n"));
  if (sent_by.empty())
    return fail(ErrorKind::refused, "tandem.toml names nobody who is told",
                "[host] mail with [pair] admin_mail, or [alerts] command");
  return Json{{"sent", std::move(sent_by)}};
}

void bind_alerts(Settings& settings, std::vector<Operation>& operations) {
  const auto keeper = std::make_shared<AlertKeeper>();
  operations.push_back(
      {.name = "alerts", .callers = {Caller::command}, .run = [keeper](OperationContext& context) -> Result<Json> {
         return context.params().value("test", false) ? keeper->test(context) : keeper->list(context.agent());
       }});
  tell_in_status(settings, keeper);
  start_with_member(settings, keeper);
}

} // namespace tandem::agent
