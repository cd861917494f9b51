#include "agent/run_keeper.hpp"

#include "agent/halt.hpp"
#include "agent/times.hpp"
#include "role/failover.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

// A step keeps its own limit with a message of its own; this is for one that does not.
constexpr std::chrono::seconds grace{1};
constexpr std::chrono::milliseconds a_moment{100};
constexpr std::chrono::milliseconds longest_rest{5'000};
constexpr std::chrono::milliseconds halt_look{20};

std::string path_of(const Agent& agent, const std::string& id) {
  return agent.settings().state_folder + "/runs/" + id;
}

Json texts_of(const std::vector<role::Record>& records) {
  Json texts = Json::array();
  for (const auto& record : records)
    texts.push_back(role::encode(record));
  return texts;
}

} // namespace

RunKeeper::RunKeeper(Agent& agent, RoleKeeper& role, PerformStep perform, std::function<void()> changed)
    : agent_(agent), role_(role), perform_(std::move(perform)), changed_(std::move(changed)) {}

void RunKeeper::start() {
  const auto& id = role_.role().kept.latest_run;
  if (id.empty()) return;
  if (auto opened = open_log(id); !opened) agent_.log("the latest runbook: " + describe(opened.error()));
  if (log_ && log_->records().empty()) log_.reset(); // the power went before its first record
  announce();
}

Result<void> RunKeeper::open_log(const std::string& id) {
  TANDEM_CHECK(agent_.ports().files.make_folder(agent_.settings().state_folder + "/runs", 0700, {}));
  TANDEM_TRY(auto journal, journal::Journal::open(agent_.ports().files, path_of(agent_, id)));
  TANDEM_TRY(auto log, role::Log::open(std::move(journal), role_.members().self));
  if (!log.records().empty()) TANDEM_CHECK(role::progress_of(log.records())); // of a runbook that is known here
  engine_.reset();
  under_way_.reset();
  limit_.cancel();
  confirmed_.clear();
  log_.emplace(std::move(log));
  return {};
}

// A run whose first record could not be stored has not begun; the one before it still tells the others of its end.
Result<void> RunKeeper::replace_log(const std::string& id, const std::function<Result<void>()>& write_first) {
  auto former = std::exchange(log_, std::nullopt);
  auto begun = open_log(id);
  if (begun) begun = write_first();
  if (begun) begun = role_.remember_run(id);
  if (begun) return {};
  engine_.reset();
  log_ = std::move(former);
  return begun;
}

void RunKeeper::announce() {
  agent_.set_runbook(is_open() ? opening().reason : "");
}

bool RunKeeper::is_open() const {
  if (!log_) return false;
  const auto progress = role::progress_of(log_->records());
  return progress && progress->is_open();
}

bool RunKeeper::leads_to(const std::string& server) const {
  if (!log_) return false;
  const auto progress = role::progress_of(log_->records());
  return progress && progress->opening.to == server;
}

role::Epoch RunKeeper::failover_floor() const {
  if (!log_) return 0;
  const auto progress = role::progress_of(log_->records());
  return progress ? role::failover_floor(*progress, role_.members().self) : 0;
}

role::RunbookNow RunKeeper::now() const {
  if (!log_) return role::RunbookNow::none;
  const auto progress = role::progress_of(log_->records());
  if (!progress) return role::RunbookNow::none;
  return role::runbook_now(*progress, role::standing_of(role_.role().kept, progress->opening), role_.members().self,
                           engine_ != nullptr);
}

// ---- the engine

void RunKeeper::start_engine(const role::Runbook& runbook) {
  role::EnginePorts ports{.log = *log_,
                          .replicas = *this,
                          .kept = [this]() -> const role::Kept& { return role_.role().kept; },
                          .now = [this] { return agent_.ports().clock.boot_time(); },
                          .wall_time = [this] { return utc_text(agent_.ports().clock, true); }};
  engine_ = std::make_unique<role::Engine>(runbook, role_.members().self, std::move(ports));
}

Result<void> RunKeeper::begin(const role::Opening& opening) {
  const auto* runbook = role::find_runbook(opening.runbook);
  if (runbook == nullptr) return fail(ErrorKind::invalid, "there is no runbook " + opening.runbook);
  TANDEM_CHECK(make_way(opening));
  TANDEM_CHECK(replace_log(opening.id, [&] {
    start_engine(*runbook);
    return engine_->open(opening);
  }));
  for (const auto& server : role_.members().others)
    send_records(server);
  announce();
  drive();
  return {};
}

// A failover is for the day when another run can go on no more: it takes the place of one that this server does not
// carry out.
Result<void> RunKeeper::make_way(const role::Opening& opening) {
  if (!is_open()) return {};
  const auto& present = this->opening();
  if (engine_ || opening.leader == present.from || opening.epoch <= present.epoch)
    return fail(ErrorKind::refused, fmt::format("a {} is under way already", present.runbook),
                "tandem resume shows how it goes on");
  start_engine(runbook());
  engine_->overtake(opening.reason);
  engine_.reset();
  return {};
}

Result<void> RunKeeper::abort(const std::string& reason) {
  if (!is_open()) return fail(ErrorKind::refused, "no runbook is open");
  if (!engine_)
    return fail(ErrorKind::refused, "this server does not carry the runbook out", "Run it on " + opening().leader);
  return engine_->abort(reason);
}

void RunKeeper::turn_back() {
  start_engine(runbook());
  engine_->resume("the agent of " + role_.members().self + " started again");
  drive();
}

void RunKeeper::go_on() {
  start_engine(runbook());
  drive();
}

void RunKeeper::close(role::Ending ending, const std::string& reason) {
  start_engine(runbook());
  engine_->close(ending, reason);
  end();
}

void RunKeeper::end() {
  engine_.reset();
  role_.take({.kind = role::EventKind::give_up}); // of a failover that was prepared and came to nothing
  under_way_.reset();
  limit_.cancel();
  again_.cancel();
  announce();
  agent_.loop().post(changed_);
}

void RunKeeper::drive() {
  if (!engine_ || under_way_) return;
  const auto operation = engine_->next();
  switch (operation.kind) {
  case role::Operation::Kind::perform:
    under_way_ = ++calls_;
    call_ = operation.call;
    return perform(operation.call);
  case role::Operation::Kind::wait:
    again_ = agent_.loop().after(rest_, [this] { drive(); });
    return;
  case role::Operation::Kind::finished:
    agent_.log("runbook: " + operation.message);
    return end();
  }
}

// Something has come in that the engine may wait for; what has failed is not tried any sooner for that.
void RunKeeper::drive_on() {
  if (rest_ == a_moment) drive();
}

bool RunKeeper::halted_at(const role::Call& call, std::string_view moment) {
  const HaltFile halt(agent_.ports().files, agent_.settings().run_folder);
  const auto point = fmt::format("{} {}", call.step, moment);
  if (!halt.names(point)) return false;
  halt.tell(point);
  return true;
}

void RunKeeper::perform(const role::Call& call) {
  const auto number = *under_way_;
  if (halted_at(call, "before")) {
    again_ = agent_.loop().after(halt_look, [this, call] { perform(call); });
    return;
  }
  if (call.server == role_.members().self) return perform_here(call, number);
  if (agent_.network() == nullptr)
    return finish_call(number, fail(ErrorKind::unavailable, "this agent is not connected"));
  agent_.network()->call(call.server, "run.step", to_json(call), {},
                         [this, number](const Result<Json>& answer) {
                           finish_call(number, answer ? Result<void>() : std::unexpected(answer.error()));
                         },
                         {.time_limit = call.limit + grace});
}

void RunKeeper::perform_here(const role::Call& call, std::uint64_t number) {
  limit_ = agent_.loop().after(call.limit + grace, [this, number, call] {
    finish_call(number, fail(ErrorKind::failed, fmt::format("it took longer than {:.1f} s",
                                                            std::chrono::duration<double>(call.limit).count())));
  });
  agent_.in_background([this, call, number] {
    const auto result = perform_(call, [this] { return agent_.ending(); });
    agent_.loop().post([this, number, result] { finish_call(number, result); });
  });
}

void RunKeeper::finish_call(std::uint64_t number, const Result<void>& result) {
  if (under_way_ != number || !engine_) return; // too late
  if (halted_at(*call_, "after")) {
    limit_.cancel();
    again_ = agent_.loop().after(halt_look, [this, number, result] { finish_call(number, result); });
    return;
  }
  under_way_.reset();
  limit_.cancel();
  // What fails again and again is tried ever less often.
  rest_ = result ? a_moment : std::min(rest_ * 2, longest_rest);
  engine_->complete(result);
  drive();
}

// ---- the other servers

void RunKeeper::offer(const role::Opening& /*opening*/, const role::Record& /*record*/) {
  for (const auto& server : role_.members().others)
    send_records(server);
}

std::uint64_t RunKeeper::confirmed(const role::Opening& /*opening*/, const std::string& server) {
  return confirmed_[server];
}

// One message at a time a server; what is written meanwhile goes with the next one.
void RunKeeper::send_records(const std::string& server) {
  if (!log_ || agent_.network() == nullptr || sending_.contains(server)) return;
  const auto records = role::offered(*log_, role_.role().kept, confirmed_[server]);
  if (records.empty()) return;
  sending_.insert(server);
  agent_.network()->call(server, "run.records", {{"records", texts_of(records)}}, {},
                         [this, server, id = opening().id](const Result<Json>& answer) {
                           sending_.erase(server);
                           if (answer) take_confirmation(server, id, *answer);
                         },
                         {.time_limit = std::chrono::seconds(5)});
}

void RunKeeper::take_confirmation(const std::string& server, const std::string& id, const Json& answer) {
  if (!log_ || opening().id != id) return;
  const auto count = peer::number_member(answer, "count");
  if (!count || *count <= confirmed_[server]) return; // sent again by the timer
  confirmed_[server] = *count;
  send_records(server);
  drive_on();
}

void RunKeeper::tick() {
  if (!log_) return;
  for (const auto& server : role_.members().others)
    send_records(server);
  if (is_open()) ask_coordinator();
}

// A run's end may have been lost on its way here, or with the coordinator's own records of it.
void RunKeeper::ask_coordinator() {
  const auto& coordinator = role::coordinator_of(opening(), role::standing_of(role_.role().kept, opening()));
  if (coordinator == role_.members().self || agent_.network() == nullptr) return;
  agent_.network()->call(coordinator, "run.state", {{"id", opening().id}}, {},
                         [this, coordinator, id = opening().id](const Result<Json>& answer) {
                           const auto ending = role::ending_from(answer ? answer->value("ending", "") : "");
                           if (ending && *ending != role::Ending::none && is_open() && opening().id == id)
                             close(*ending, coordinator + " has ended it");
                         },
                         {.time_limit = std::chrono::seconds(5)});
}

role::Ending RunKeeper::ending_of(const std::string& id) const {
  const auto progress = log_ ? role::progress_of(log_->records()) : Result<role::Progress>(failed("no run"));
  return role::ending_of(progress ? &*progress : nullptr, id);
}

Result<void> RunKeeper::take_up(const std::string& from, const role::Record& first) {
  const auto& opening = *first.opening;
  // It names a file here.
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
  if (opening.id.empty() || !std::ranges::all_of(opening.id, plain))
    return fail(ErrorKind::invalid, "the id of a run has letters, digits and hyphens only");
  if (log_ && this->opening().id == opening.id) return {};
  std::optional<role::Progress> present;
  if (log_) {
    TANDEM_TRY(present, role::progress_of(log_->records()));
  }
  if (!role::takes_up(opening, from, present ? &*present : nullptr, role_.role().kept, role_.members().self))
    return fail(ErrorKind::refused, "this run is not the present one on " + role_.members().self);
  return replace_log(opening.id, [&] { return log_->accept(first); });
}

Result<std::uint64_t> RunKeeper::take_records(const std::string& from, const std::vector<role::Record>& records) {
  if (!role_.known()) return fail(ErrorKind::unavailable, "this server does not know its role yet");
  if (records.empty() || !records.front().opening)
    return fail(ErrorKind::invalid, "the first record does not tell which run it is");
  TANDEM_CHECK(take_up(from, records.front()));
  const auto before = log_->records().size();
  for (const auto& record : records)
    if (record.author == from) TANDEM_CHECK(log_->accept(record));
  announce();
  if (log_->records().size() > before) agent_.loop().post(changed_);
  agent_.loop().post([this] { drive_on(); });
  return log_->count(from);
}

Result<void> RunKeeper::permits(const role::Call& call, const std::string& from) const {
  return role::permitted(call, from, role_.role().kept);
}

Json RunKeeper::status() const {
  if (!log_) return nullptr;
  const auto progress = role::progress_of(log_->records());
  if (!progress) return nullptr;
  return {{"runbook", progress->opening.runbook}, {"from", progress->opening.from}, {"to", progress->opening.to},
          {"epoch", progress->opening.epoch},     {"open", progress->is_open()},    {"text", role::summary(*progress)}};
}

// ---- between servers

namespace {

Json to_json(const role::Opening& opening) {
  role::Record record;
  record.opening = opening;
  return {{"opening", role::encode(record)}};
}

Result<role::Opening> opening_of(const Json& params) {
  TANDEM_TRY(const auto text, peer::text_member(params, "opening"));
  TANDEM_TRY(const auto record, role::decode_record(text));
  if (!record.opening) return fail(ErrorKind::invalid, "the opening of the run is missing");
  return *record.opening;
}

} // namespace

Json to_json(const role::Call& call) {
  auto json = to_json(call.opening);
  json["step"] = call.step;
  json["phase"] = static_cast<std::uint64_t>(call.phase);
  json["limit_ms"] = call.limit.count();
  return json;
}

Result<role::Call> call_of(const Json& params) {
  TANDEM_TRY(const auto opening, opening_of(params));
  TANDEM_TRY(const auto step, peer::text_member(params, "step"));
  TANDEM_TRY(const auto phase, peer::number_member(params, "phase"));
  TANDEM_TRY(const auto limit, peer::number_member(params, "limit_ms"));
  if (phase > static_cast<std::uint64_t>(role::Phase::undo)) return fail(ErrorKind::invalid, "there is no such phase");
  return role::Call{.server = {},
                    .step = step,
                    .phase = static_cast<role::Phase>(phase),
                    .opening = opening,
                    .limit = std::chrono::milliseconds(limit)};
}

} // namespace tandem::agent
