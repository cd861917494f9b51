#include "agent/push_keeper.hpp"

#include "agent/binding.hpp"
#include "agent/duties.hpp"
#include "agent/times.hpp"
#include "base/text.hpp"
#include "journal/state_file.hpp"
#include "peer/signature.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto push_tick = std::chrono::seconds(2);
constexpr auto between_attempts = std::chrono::seconds(30); // where something stands against a deploy that was begun
constexpr std::chrono::seconds longest_pause = std::chrono::minutes(10); // each attempt may have built a release
constexpr auto between_refusals = std::chrono::minutes(1);               // that are logged
constexpr auto* push_socket = "/push.sock";

journal::StateFile push_file(Agent& agent) {
  return {agent.ports().files, agent.settings().state_folder + "/pushes.json", "pushes", 1};
}

// Visitors come here: those as well that a switchover's gate has just let go on, before its runbook has ended.
bool takes_pushes(const Agent& agent, const Snapshot& state) {
  return state.standing.primary == state.server && agent.may_serve();
}

bool can_hand_over(const Snapshot& state) {
  const auto primary = std::ranges::find(state.peers, state.standing.primary, &peer::PeerState::name);
  return primary != state.peers.end() && primary->connected;
}

// GitHub and Forgejo send the first, Gitea both.
std::string signature_of(const HttpRequest& request) {
  constexpr std::string_view kind = "sha256=";
  const auto signature = request.field("x-hub-signature-256");
  if (signature.starts_with(kind)) return signature.substr(kind.size());
  return request.field("x-gitea-signature");
}

std::string event_of(const HttpRequest& request) {
  for (const auto* name : {"x-github-event", "x-forgejo-event", "x-gitea-event"})
    if (auto event = request.field(name); !event.empty()) return event;
  return {};
}

// nginx asks for one unix socket as www-data.
Result<void> let_nginx_in(Agent& agent) {
  TANDEM_TRY(const auto accounts, agent.ports().accounts.read());
  const auto* user = accounts.user("www-data");
  if (user == nullptr) return failed("there is no user www-data");
  return agent.ports().files.set_owner(agent.settings().run_folder + push_socket, {user->uid, user->gid});
}

} // namespace

void PushKeeper::start(Agent& agent) {
  door_ = std::make_unique<HookDoor>(agent.loop(), largest_push, [this, &agent](HttpRequest request, auto reply) {
    agent.in_background([this, &agent, request = std::move(request), reply = std::move(reply)] {
      const auto answer = receive(agent, request);
      agent.loop().post([reply, answer] { reply(answer); });
    });
  });
  if (const auto listens = door_->listen(agent.settings().run_folder + push_socket); !listens)
    agent.log(describe(listens.error()));
  recurring_ = Recurring::start(
      agent, push_tick, weak_from_this(), [this, &agent] { return turn(agent); }, [this, &agent] { work(agent); });
}

// ---- what comes

HookAnswer PushKeeper::turn_away(Agent& agent, const std::string& domain, const std::string& why) {
  const auto now = agent.ports().clock.boot_time();
  std::uint64_t count = 0;
  {
    const std::lock_guard held(book_work_);
    auto& refusals = refusals_[domain];
    ++refusals.untold;
    if (refusals.told.count() == 0 || now - refusals.told >= between_refusals) {
      refusals.told = now;
      count = std::exchange(refusals.untold, 0);
    }
  }
  if (count > 0)
    agent.log(fmt::format("{}: refused {} at /.tandem/push: {}", domain,
                          count == 1 ? "a message" : fmt::format("{} messages", count), why));
  return {403, "refused"};
}

HookAnswer PushKeeper::receive(Agent& agent, const HttpRequest& request) {
  const auto pair = snapshot_of(agent).pair;
  if (!pair) return {503, "this server does not know its pair just now; try again"};
  const auto* site = pair->site(request.field("x-tandem-site")); // set by nginx, whatever the sender says
  if (site == nullptr || !site->webhook_secret_file) return {404, "not found"};
  const auto secret = agent.ports().files.read(site->webhook_secret_file->path);
  if (!secret) return turn_away(agent, site->domain, "the secret cannot be read: " + secret.error().message);
  if (!peer::is_signed_with(without_line_end(*secret), request.body, signature_of(request)))
    return turn_away(agent, site->domain,
                     "the signature is not that of the secret in " + site->webhook_secret_file->text + ", or missing");
  return take(agent, *site, request);
}

HookAnswer PushKeeper::take(Agent& agent, const model::Site& site, const HttpRequest& request) {
  if (request.head.method != "POST") return {405, "a push comes by POST"};
  const auto said = read_announcement(event_of(request), request.body);
  if (!said) return {400, "not understood: " + said.error().message + "; set the content type to application/json"};
  if (said->kind != Announcement::Kind::push) return {200, "nothing to do: this is no push to a branch"};
  if (said->branch != site.branch)
    return {200, fmt::format("nothing to do: {} is deployed from {}", site.domain, site.branch)};
  bool here = false;
  agent.on_loop([&] { here = takes_pushes(agent, agent.state()); });
  if (!here) return {503, "this server is not the primary just now; try again"};
  const auto kept =
      change(agent, [&](PushBook& book) { book.take(site.domain, {said->commit, utc_text(agent.ports().clock)}); });
  if (!kept) {
    agent.log("a push cannot be kept: " + describe(kept.error()));
    return {503, "the push cannot be kept just now; try again"};
  }
  agent.log(fmt::format("{}: {} was pushed to {}", site.domain, said->commit.substr(0, 7), site.branch));
  return {202, fmt::format("{} will be deployed to {}", said->commit, site.domain)};
}

// ---- what becomes of it

bool PushKeeper::turn(Agent& agent) {
  const auto state = agent.state();
  if (!state.pair) return false;
  const std::lock_guard held(book_work_);
  if (!loaded_) return true;
  if (!takes_pushes(agent, state)) return !book_.empty() && can_hand_over(state);
  if (agent.on_duty()) begin_ready(agent, *state.pair);
  return false;
}

void PushKeeper::begin_ready(Agent& agent, const model::Pair& pair) {
  std::vector<std::string> domains;
  for (const auto& site : pair.sites)
    domains.push_back(site.domain);
  book_.keep_only(domains);
  for (const auto& domain : book_.ready()) {
    if (agent.ports().clock.boot_time() < next_[domain]) continue;
    const auto begun = agent.begin_own("deploy", {{"site", domain}, {"who", "a push"}, {"pushed", true}});
    if (begun)
      book_.begin(domain);
    else // it comes again with the next turn
      book_.put_back(domain, begun.error().message);
  }
}

void PushKeeper::deploy_ended(const OperationContext& context, const std::string& domain, const Result<Json>& result) {
  auto& agent = context.agent();
  const bool pushed = context.params().value("pushed", false);
  const auto snapshot = context.snapshot();
  const auto* site = snapshot.pair ? snapshot.pair->site(domain) : nullptr;
  const bool hooked = site != nullptr && site->webhook_secret_file;
  if (!pushed && (!result || !hooked)) return;
  const auto kept = change(agent, [&](PushBook& book) {
    if (!pushed) return book.deployed(domain, utc_text(agent.ports().clock));
    if (result) {
      book.end_well(domain);
      return book.deployed(domain, utc_text(agent.ports().clock));
    }
    const auto& error = result.error();
    const bool again = error.kind == ErrorKind::refused || error.kind == ErrorKind::unavailable ||
                       context.cancelled() || agent.ending();
    if (!again) return book.end_badly(domain, error.message);
    book.put_back(domain, error.message);
    next_[domain] = agent.ports().clock.boot_time() + std::min(book.attempts(domain) * between_attempts, longest_pause);
  });
  if (!kept) agent.log("what became of a push cannot be kept: " + describe(kept.error()));
}

// ---- what is kept

Result<void> PushKeeper::change(Agent& agent, const std::function<void(PushBook&)>& what) {
  TANDEM_CHECK(load(agent));
  const std::lock_guard file(file_work_);
  std::string text;
  {
    const std::lock_guard held(book_work_);
    what(book_);
    text = peer::to_text(book_.to_json());
  }
  return push_file(agent).store(text);
}

// A file that is damaged or of a later version stays as it is, and nothing is taken that would replace it.
Result<void> PushKeeper::load(Agent& agent) {
  const std::lock_guard file(file_work_);
  {
    const std::lock_guard held(book_work_);
    if (loaded_) return {};
  }
  TANDEM_TRY(const auto kept, push_file(agent).load());
  Json json = Json::object();
  if (kept) {
    TANDEM_TRY(json, peer::parse_json(kept->content));
  }
  const std::lock_guard held(book_work_);
  book_ = PushBook::from_json(json);
  loaded_ = true;
  return {};
}

// What keeps this server from taking pushes, each once.
void PushKeeper::note(Agent& agent, const std::string& problem) {
  const std::lock_guard held(book_work_);
  if (!problem.empty() && problem != problem_) agent.log("pushes: " + problem);
  problem_ = problem;
}

void PushKeeper::work(Agent& agent) {
  auto ready = let_nginx_in(agent);
  if (ready) ready = load(agent);
  note(agent, ready ? "" : describe(ready.error()));
  if (ready) hand_over(agent);
}

// To the primary, which deploys. What it has is dropped here; cut off in between, it is handed over once more.
void PushKeeper::hand_over(Agent& agent) {
  const auto snapshot = snapshot_of(agent);
  if (snapshot.standing.primary == snapshot.server || !can_hand_over(snapshot)) return;
  PushBook given;
  {
    const std::lock_guard held(book_work_);
    if (!loaded_ || book_.empty()) return;
    given = book_;
  }
  const auto taken = ask_server(agent, snapshot.standing.primary, "pushes.take", {{"pushes", given.to_json()}});
  if (!taken) return; // it is tried again
  if (const auto kept = change(agent, [&](PushBook& book) { book.give_away(given); }); !kept)
    agent.log("pushes: " + describe(kept.error()));
}

Result<Json> PushKeeper::take_over(OperationContext& context) {
  auto& agent = context.agent();
  bool here = false;
  agent.on_loop([&] { here = takes_pushes(agent, agent.state()); });
  if (!here) return fail(ErrorKind::refused, context.snapshot().server + " is not the primary");
  const auto& params = context.params();
  const auto theirs = PushBook::from_json(params.contains("pushes") ? params["pushes"] : Json::object());
  TANDEM_CHECK(change(agent, [&](PushBook& book) { book.take_over(theirs); }));
  return Json::object();
}

void PushKeeper::add_status(const OperationContext& context, Json& status) {
  const auto pair = context.snapshot().pair;
  if (!pair) return;
  const std::lock_guard held(book_work_);
  const bool hooked =
      std::ranges::any_of(pair->sites, [](const auto& site) { return site.webhook_secret_file.has_value(); });
  if (!hooked && book_.empty()) return;
  status["pushes"] = book_.list();
  if (hooked && !problem_.empty()) status["problems"].push_back("pushes cannot be taken: " + problem_);
  for (const auto& problem : book_.problems())
    status["problems"].push_back(problem);
}

void bind_pushes(Settings& settings, std::vector<Operation>& operations, const std::shared_ptr<ReleaseWork>& releases) {
  const auto keeper = std::make_shared<PushKeeper>();
  releases->deploy_ended = [keeper](const OperationContext& context, const std::string& domain,
                                    const Result<Json>& result) { keeper->deploy_ended(context, domain, result); };
  operations.push_back({.name = "pushes.take",
                        .callers = {Caller::peer},
                        .urgency = Urgency::own,
                        .run = [keeper](OperationContext& context) { return keeper->take_over(context); }});
  tell_in_status(settings, keeper);
  start_with_member(settings, keeper);
}

} // namespace tandem::agent
