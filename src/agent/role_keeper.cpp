#include "agent/role_keeper.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr int members_version = 1;
constexpr auto tick_every = std::chrono::seconds(1);

std::string utc_now(system::Clock& clock) {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock.wall_time());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::string path_of(const Agent& agent, const char* file) {
  return agent.settings().state_folder + "/" + file;
}

} // namespace

RoleKeeper::RoleKeeper(Agent& agent, Duties duties)
    : agent_(agent), duties_(std::move(duties)),
      role_file_(agent.ports().files, path_of(agent, "role.json"), "role", role::kept_version),
      members_file_(agent.ports().files, path_of(agent, "members.json"), "members", members_version) {}

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
      .epoch = 1, .primary = self, .reason = "tandem init", .time = utc_now(agent_.ports().clock)};
  return store(role::first_kept(1, self, change));
}

Result<Json> RoleKeeper::admit(const std::string& server) {
  Result<Json> admission = failed("the role is not known");
  agent_.on_loop([&] {
    auto members = members_;
    if (std::ranges::find(members.others, server) == members.others.end()) members.others.push_back(server);
    if (auto stored = store_members(members); !stored) {
      admission = std::unexpected(std::move(stored).error());
      return;
    }
    members_ = members;
    auto names = members.others;
    names.push_back(members.self);
    admission = Json{{"epoch", role_.kept.epoch}, {"primary", role_.kept.primary}, {"servers", names}};
  });
  return admission;
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
      .epoch = epoch, .primary = primary, .reason = "tandem join", .time = utc_now(agent_.ports().clock)};
  return store(role::first_kept(epoch, primary, change));
}

void RoleKeeper::start(const std::string& self) {
  auto members = load_members(self);
  const auto file = role_file_.load();
  auto kept = !file                ? Result<role::Kept>(std::unexpected(file.error()))
              : !file->has_value() ? Result<role::Kept>(failed(role_file_.path() + " is missing"))
                                   : role::decode_kept((*file)->version, (*file)->content);
  if (!members || !kept) {
    // Without its memory a server must not serve; a person has to look.
    duty_problem_ = describe(!members ? members.error() : kept.error());
    agent_.log("the role is unknown, so this server serves nothing: " + duty_problem_);
    return;
  }
  members_ = std::move(*members);
  role_.kept = std::move(*kept);
  take({.kind = role::EventKind::boot, .still_serving = false});
  tick();
}

void RoleKeeper::take_message(const role::Message& message) {
  take(role::event_of(message));
}

void RoleKeeper::peer_changed(const std::string& /*server*/, bool connected) {
  if (connected && !members_.self.empty()) take({.kind = role::EventKind::repeat});
}

void RoleKeeper::tick() {
  take({.kind = role::EventKind::repeat});
  begin_duty();
  ticking_ = agent_.loop().after(tick_every, [this] { tick(); });
}

void RoleKeeper::take(const role::Event& event) {
  auto outcome = role::transition(members_, role_, event);
  const bool stops = std::ranges::find(outcome.actions, role::Action::stop) != outcome.actions.end();
  // Writing stops before anything else, even before the disk is asked.
  if (stops) act({role::Action::stop});
  if (outcome.store)
    if (auto stored = store(outcome.role.kept); !stored) {
      duty_problem_ = describe(stored.error());
      agent_.log("a change of role could not be stored and so did not happen: " + duty_problem_);
      return;
    }
  const bool changed = !(role_.kept == outcome.role.kept);
  role_ = outcome.role;
  if (changed && !outcome.sentence.empty()) agent_.log("role: " + outcome.sentence);
  agent_.set_standing({role_.kept.epoch, role_.kept.primary});
  announce(outcome);
  std::erase(outcome.actions, role::Action::stop);
  act(outcome.actions);
}

void RoleKeeper::announce(const role::Outcome& outcome) {
  if (agent_.network() == nullptr) return;
  for (const auto& message : outcome.messages)
    // Lost messages are repeated by the protocol itself.
    agent_.network()->call(message.to, "role.message", {{"message", role::encode(message)}}, {}, [](const auto&) {},
                           {.time_limit = std::chrono::seconds(5)});
}

void RoleKeeper::act(const std::vector<role::Action>& actions) {
  for (const auto action : actions) {
    if (action == role::Action::ask_operator) {
      agent_.log("two servers claim the same epoch; `tandem status` says how to choose");
      continue;
    }
    wanted_ = action;
  }
  begin_duty();
}

void RoleKeeper::begin_duty() {
  if (working_ || !wanted_) return;
  const auto action = *wanted_;
  const auto primary = role_.kept.primary;
  wanted_.reset();
  working_ = true;
  agent_.in_background([this, action, primary] {
    const auto result = action == role::Action::serve  ? duties_.serve()
                        : action == role::Action::stop ? duties_.stop()
                                                       : duties_.follow(primary);
    agent_.loop().post([this, action, result] {
      working_ = false;
      duty_ended(std::string(role::name_of(action)), result);
      if (!result && !wanted_)
        wanted_ = action; // tried again at the next tick
      else if (wanted_)
        begin_duty();
    });
  });
}

void RoleKeeper::duty_ended(const std::string& what, const Result<void>& result) {
  const auto problem = result ? std::string() : describe(result.error());
  if (problem != duty_problem_ && !problem.empty()) agent_.log("taking up the duty \"" + what + "\": " + problem);
  if (result && duty_ != what) agent_.log("duty: " + what);
  duty_problem_ = problem;
  if (result) duty_ = what;
}

Json RoleKeeper::status() const {
  Json history = Json::array();
  for (const auto& change : role_.kept.history)
    history.push_back({{"epoch", change.epoch},
                       {"primary", change.primary},
                       {"reason", change.reason},
                       {"time", change.time},
                       {"wal", change.wal}});
  Json status{{"situation", members_.self.empty() ? "unknown" : role::name_of(role::situation_of(members_, role_))},
              {"epoch", role_.kept.epoch},
              {"primary", role_.kept.primary},
              {"duty", duty_},
              {"history", std::move(history)}};
  if (!duty_problem_.empty()) status["duty_problem"] = duty_problem_;
  return status;
}

} // namespace tandem::agent
