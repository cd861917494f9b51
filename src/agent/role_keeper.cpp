#include "agent/role_keeper.hpp"

#include "agent/times.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr int members_version = 1;

std::string path_of(const Agent& agent, const char* file) {
  return agent.settings().state_folder + "/" + file;
}

std::string entitlement(const Agent& agent) {
  return agent.settings().run_folder + "/entitled";
}

} // namespace

RoleKeeper::RoleKeeper(Agent& agent, Hooks hooks)
    : agent_(agent), hooks_(std::move(hooks)),
      role_file_(agent.ports().files, path_of(agent, "role.json"), "role", role::kept_version),
      members_file_(agent.ports().files, path_of(agent, "members.json"), "members", members_version),
      keeping_({.stop = [this] { stop(); }, .store = [this](const role::Kept& kept) { return store(kept); }}) {}

Result<void> RoleKeeper::store(const role::Kept& kept) {
  return role_file_.store(role::encode(kept));
}

Result<void> RoleKeeper::store_members(const role::Members& members) {
  auto names = members.others;
  names.push_back(members.self);
  return members_file_.store(Json{{"servers", names}}.dump());
}

Result<role::Members> RoleKeeper::load_members(const std::string& self) {
  TANDEM_TRY(const auto file, members_file_.load());
  if (!file) return failed(members_file_.path() + " is missing", "Restore it from the other server's copy");
  TANDEM_TRY(const auto json, peer::parse_json(file->content));
  TANDEM_TRY(const auto names, peer::texts_member(json, "servers"));
  role::Members members{.self = self, .others = {}};
  for (const auto& name : names)
    if (name != self) members.others.push_back(name);
  return members;
}

Result<void> RoleKeeper::found(const std::string& self) {
  // An init that was killed after this is done again; a role that is there already stands.
  TANDEM_TRY(const auto there, role_file_.load());
  if (there) return {};
  TANDEM_CHECK(store_members({.self = self, .others = {}}));
  const role::Change change{
      .epoch = 1, .primary = self, .reason = "tandem init", .time = utc_text(agent_.ports().clock)};
  return store(role::first_kept(1, self, change));
}

Result<Json> RoleKeeper::admit(const std::string& server) {
  Result<Json> admission = failed("the role is not known");
  agent_.on_loop([&] {
    auto members = this->members();
    if (std::ranges::find(members.others, server) == members.others.end()) members.others.push_back(server);
    if (auto stored = store_members(members); !stored) {
      admission = std::unexpected(std::move(stored).error());
      return;
    }
    keeping_.set_members(members);
    auto names = members.others;
    names.push_back(members.self);
    admission = Json{{"epoch", role().kept.epoch}, {"primary", role().kept.primary}, {"servers", names}};
  });
  return admission;
}

Result<void> RoleKeeper::dismiss(const std::string& server) {
  Result<void> dismissed;
  agent_.on_loop([&] {
    auto members = this->members();
    std::erase(members.others, server);
    dismissed = store_members(members);
    if (dismissed) keeping_.set_members(std::move(members));
  });
  return dismissed;
}

Result<void> RoleKeeper::be_admitted(const std::string& self, const Json& admission) {
  TANDEM_TRY(const auto epoch, peer::number_member(admission, "epoch"));
  TANDEM_TRY(const auto primary, peer::text_member(admission, "primary"));
  TANDEM_TRY(const auto names, peer::texts_member(admission, "servers"));
  role::Members members{.self = self, .others = {}};
  for (const auto& name : names)
    if (name != self) members.others.push_back(name);
  TANDEM_CHECK(store_members(members));
  const role::Change change{
      .epoch = epoch, .primary = primary, .reason = "tandem join", .time = utc_text(agent_.ports().clock)};
  return store(role::first_kept(epoch, primary, change));
}

void RoleKeeper::start(const std::string& self) {
  self_ = self;
  load();
}

// Without its memory a server must not serve; a person has to look, or a disk comes back.
void RoleKeeper::load() {
  auto members = load_members(self_);
  const auto file = role_file_.load();
  auto kept = !file                ? Result<role::Kept>(std::unexpected(file.error()))
              : !file->has_value() ? Result<role::Kept>(failed(role_file_.path() + " is missing"))
                                   : role::decode_kept((*file)->version, (*file)->content);
  if (!members || !kept) {
    auto problem = describe(!members ? members.error() : kept.error());
    if (problem != problem_) agent_.log("the role is unknown, so this server serves nothing: " + problem);
    problem_ = std::move(problem);
    return;
  }
  if (!problem_.empty()) agent_.log("the role is known again");
  problem_.clear();
  keeping_.load(std::move(*members), std::move(*kept));
  loaded_ = true;
  // The run folder is empty after a boot: what lies there was left by an agent of this same boot.
  const auto left = agent_.ports().files.status(entitlement(agent_));
  entitled_ = left && left->has_value();
  boot();
}

void RoleKeeper::boot() {
  take({.kind = role::EventKind::boot, .still_serving = entitled_});
  if (!known()) return;
  for (const auto& server : members().others) // who connected before, has heard nothing
    send(role::hello_to(server, members(), role()));
}

void RoleKeeper::repeat() {
  if (left_) return;
  if (!loaded_) return load();
  if (!keeping_.booted()) return boot();
  take({.kind = role::EventKind::repeat});
}

void RoleKeeper::take_message(const role::Message& message) {
  if (loaded_ && !left_) take(role::event_of(message));
}

void RoleKeeper::peer_changed(const std::string& server, bool connected) {
  if (!connected || !known()) return;
  send(role::hello_to(server, members(), role()));
  take({.kind = role::EventKind::repeat});
}

role::Outcome RoleKeeper::take(const role::Event& event) {
  auto dated = event;
  if (dated.note.time.empty()) dated.note.time = utc_text(agent_.ports().clock);
  const auto before = role();
  auto outcome = keeping_.take(dated);
  note_problem();
  if (!keeping_.booted()) return outcome;
  note_entitlement(role().session.serving);
  const bool changed = before.kept != role().kept || before.session.serving != role().session.serving;
  if (changed && !outcome.sentence.empty()) agent_.log("role: " + outcome.sentence);
  agent_.set_standing({role().kept.epoch, role().kept.primary});
  for (const auto& message : outcome.messages)
    send(message);
  if (hooks_.changed) hooks_.changed();
  return outcome;
}

void RoleKeeper::note_problem() {
  // Each try's error names a file of its own.
  const bool fresh = problem_.empty() && !keeping_.problem().empty();
  problem_ = keeping_.problem();
  if (fresh) agent_.log("a change of role cannot be stored: " + problem_);
}

void RoleKeeper::stop() {
  note_entitlement(false);
  if (hooks_.stop) hooks_.stop();
}

// For an agent that starts again on this boot: whether the one before it was entitled to serve.
void RoleKeeper::note_entitlement(bool serving) {
  agent_.set_may_serve(serving);
  if (entitled_ == serving) return;
  entitled_ = serving;
  auto& files = agent_.ports().files;
  const auto noted = entitled_ ? files.write(entitlement(agent_), "", 0600, {}) : files.remove(entitlement(agent_));
  if (!noted) agent_.log(describe(noted.error()));
}

Result<void> RoleKeeper::remember_run(const std::string& id) {
  auto remembered = keeping_.remember_run(id);
  note_problem();
  return remembered;
}

// Lost messages are repeated by the protocol itself, or follow from the hello of the next connection.
void RoleKeeper::send(const role::Message& message) {
  if (agent_.network() == nullptr) return;
  agent_.network()->call(message.to, "role.message", {{"message", role::encode(message)}}, {}, [](const auto&) {},
                         {.time_limit = std::chrono::seconds(5)});
}

Json RoleKeeper::status() const {
  Json history = Json::array();
  for (const auto& change : role().kept.history)
    history.push_back({{"epoch", change.epoch},
                       {"primary", change.primary},
                       {"reason", change.reason},
                       {"time", change.time},
                       {"wal", change.wal}});
  Json status{{"situation", !known() ? "unknown" : role::name_of(role::situation_of(members(), role()))},
              {"epoch", role().kept.epoch},
              {"primary", role().kept.primary},
              {"history", std::move(history)}};
  if (!problem_.empty()) status["problem"] = problem_;
  return status;
}

} // namespace tandem::agent
