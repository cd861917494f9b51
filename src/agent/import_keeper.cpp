#include "agent/import_keeper.hpp"

#include "agent/configuration.hpp"
#include "agent/import_spools.hpp"
#include "agent/times.hpp"
#include "base/text.hpp"
#include "sites/environment.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using sites::ImportEnding;
using sites::ImportSpool;
using sites::Upload;
using sites::UploadState;

constexpr auto import_tick = std::chrono::seconds(1);
// So long an upload has to stay as it is, besides that nobody has it open: a client that lost its connection may come
// back for the rest, and some close a file between two parts.
constexpr std::chrono::seconds settled_after{3};
constexpr std::size_t part_size = std::size_t{1} << 20U;
constexpr std::chrono::seconds part_patience{30};
constexpr std::size_t most_told = 20;

bool runs(const system::LoadedUnit& unit) {
  return unit.queued || (unit.active != "inactive" && unit.active != "failed");
}

// What the run's own processes wrote, not what systemd says about them.
std::string log_of(Agent& agent, const std::string& unit, const std::string& invocation) {
  if (invocation.empty()) return "it was not begun: journalctl -u " + unit + "\n";
  const auto told =
      agent.ports().processes.run({.arguments = {"journalctl", "-q", "--no-pager", "-o", "short-iso", "-n", "500",
                                                 "_SYSTEMD_UNIT=" + unit, "_SYSTEMD_INVOCATION_ID=" + invocation},
                                   .time_limit = std::chrono::seconds(20)},
                                  {});
  return told ? told->output : describe(told.error());
}

std::string words_of(const Upload& upload, const std::string& domain) {
  return fmt::format("the import of {} for {}", upload.name, domain);
}

Json upload_json(const Upload& upload) {
  return {{"id", upload.id},
          {"name", upload.name},
          {"server", upload.server},
          {"size", upload.size},
          {"interruptions", upload.interruptions},
          {"offered", upload.offered},
          {"why", upload.why}};
}

} // namespace

struct ImportKeeper::Site {
  Agent& agent;
  DutyKeeper& duties;
  const Snapshot& now;
  const model::Site& site;
  ImportSpool& spool;
  Look& look;

  void note(const Result<void>& done) const {
    if (!done) look.problems.push_back(fmt::format("the import of {}: {}", site.domain, describe(done.error())));
  }

  [[nodiscard]] std::string words(const Upload& upload) const { return words_of(upload, site.domain); }
};

void ImportKeeper::start(Agent& agent, DutyKeeper& duties) {
  const auto due = [&agent] { return agent.state().pair != nullptr && agent.changing() == 0; };
  recurring_ =
      Recurring::start(agent, import_tick, weak_from_this(), due, [this, &agent, &duties] { work(agent, duties); });
}

void ImportKeeper::work(Agent& agent, DutyKeeper& duties) {
  const auto now = snapshot_of(agent);
  if (!now.pair) return;
  auto part = DutyKeeper::Part::none;
  agent.on_loop([&] { part = duties.runs().is_open() ? DutyKeeper::Part::none : duties.part(); });
  Look look;
  ++looks_;
  for (const auto& site : now.pair->sites) {
    if (!site.import) continue;
    auto spool = spool_at(agent, site.domain);
    if (!spool) {
      look.problems.push_back(describe(spool.error()));
      continue;
    }
    const Site all{agent, duties, now, site, *spool, look};
    look_after(all, part);
    describe_import(all);
  }
  std::erase_if(seen_, [this](const auto& seen) { return seen.second.look != looks_; });
  find_left_over(agent, *now.pair, look);
  agent.on_loop([&] { latest_ = std::move(look); });
}

// What goes wrong with one thing keeps no other from being done.
void ImportKeeper::look_after(const Site& site, DutyKeeper::Part part) {
  {
    const std::lock_guard lock(spool_);
    const auto prepared = site.spool.prepare();
    site.note(prepared);
    if (!prepared) return;
    site.note(collect(site.agent, site.site.domain, site.spool, part == DutyKeeper::Part::primary));
    site.note(site.spool.finish_taking());
    site.note(take_in(site));
  }
  if (part == DutyKeeper::Part::primary) site.note(begin_next(site));
  if (part == DutyKeeper::Part::standby) site.note(hand_over(site));
}

Result<void> ImportKeeper::take_in(const Site& site) {
  for (const auto& inbox : site.now.pair->inboxes(site.site))
    TANDEM_CHECK(take_from(site, inbox));
  return {};
}

// In the order in which they were finished.
Result<void> ImportKeeper::take_from(const Site& site, const std::string& inbox) {
  const auto names = site.agent.ports().files.list(inbox);
  if (!names && names.error().kind == ErrorKind::not_found) return {};
  if (!names) return std::unexpected(names.error());
  TANDEM_TRY(const auto since, site.spool.since());
  std::vector<std::pair<std::int64_t, Upload>> ready;
  std::size_t strange = 0;
  for (const auto& name : *names) {
    if (!name.starts_with('.') && !sites::is_upload_name(name)) ++strange;
    if (auto upload = finished(site, inbox, name, since))
      if (const auto status = site.agent.ports().files.status(upload->inbox); status && *status)
        ready.emplace_back((*status)->changed_ns, std::move(*upload));
  }
  if (strange > 0)
    site.note(
        failed(fmt::format("{} files in {} have names that are no UTF-8 text, and are not taken", strange, inbox)));
  std::ranges::sort(ready, {}, [](const auto& one) { return one.first; });
  for (auto& [changed, upload] : ready) {
    upload.id = sites::upload_id(site.agent.ports().clock.wall_time(), site.now.server, ++taken_);
    TANDEM_CHECK(site.spool.take(upload));
    seen_.erase(upload.inbox);
    site.agent.log(fmt::format("{} of {} B has arrived for {}", upload.name, upload.size, site.site.domain));
  }
  return {};
}

std::optional<Upload> ImportKeeper::finished(const Site& site, const std::string& inbox, const std::string& name,
                                             std::int64_t since) {
  if (!sites::takes(*site.site.import, name)) return std::nullopt;
  const auto path = inbox + "/" + name;
  const auto status = site.agent.ports().files.status(path);
  if (!status || !*status || (*status)->type != system::FileType::regular || (*status)->changed_ns <= since)
    return std::nullopt;
  if (!is_settled(site, path, **status)) return std::nullopt;
  const auto written = site.agent.ports().uploads->is_being_written(path);
  if (!written && written.error().kind != ErrorKind::not_found) site.note(std::unexpected(written.error()));
  if (!written || *written) return std::nullopt;
  return Upload{.name = name, .server = site.now.server, .inbox = path, .size = (*status)->size};
}

bool ImportKeeper::is_settled(const Site& site, const std::string& path, const system::FileStatus& status) {
  const auto now = site.agent.ports().clock.boot_time();
  auto& seen = seen_[path];
  const bool same = seen.since.count() != 0 && seen.size == status.size && seen.modified_ns == status.modified_ns;
  if (!same) seen = {.size = status.size, .modified_ns = status.modified_ns, .since = now};
  seen.look = looks_;
  return same && now - seen.since >= settled_after;
}

// What an import of the site was doing, whether tandem.toml still has it or not. `spool_` is held.
Result<void> ImportKeeper::collect(Agent& agent, const std::string& domain, ImportSpool& spool, bool primary) {
  TANDEM_TRY(const auto running, spool.list(UploadState::running));
  if (running.empty()) return {};
  const auto unit = sites::import_service(domain);
  TANDEM_TRY(const auto loaded, agent.ports().services.loaded(unit));
  if (std::ranges::any_of(loaded, runs)) return {};
  for (const auto& upload : running) {
    const auto log = [&](const std::string& invocation) { return log_of(agent, unit, invocation); };
    TANDEM_TRY(const auto ending, spool.end(upload, primary, log));
    const auto words = words_of(upload, domain);
    if (ending.kind == ImportEnding::Kind::succeeded) agent.log(words + " is done");
    if (ending.kind == ImportEnding::Kind::failed) agent.log(words + " failed: " + ending.why);
    if (ending.kind == ImportEnding::Kind::interrupted)
      agent.log(words + " was cut off, may have done a part, and is repeated");
  }
  return {};
}

Result<bool> ImportKeeper::is_ours(const Site& site, const Upload& upload) {
  if (upload.offered.empty()) return true;
  bool ours = true;
  const bool gone = site.now.pair->server(upload.offered) == nullptr; // nobody can ask it
  if (gone)
    site.agent.log(fmt::format("{}: {} may have done it before it left the pair", site.words(upload), upload.offered));
  if (upload.offered != site.now.server && !gone) {
    const auto answer = ask_server(site.agent, upload.offered, "imports.return",
                                   {{"domain", site.site.domain}, {"id", upload.id}}, {.time_limit = part_patience});
    if (!answer)
      return fail(ErrorKind::unavailable,
                  fmt::format("{} waits: {} may have imported it, and does not answer", upload.name, upload.offered));
    ours = answer->value("yours", false);
  }
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(ours ? site.spool.take_back(upload) : site.spool.hand(upload, upload.offered));
  return ours;
}

// One that waits for another server's word keeps no other from it.
Result<void> ImportKeeper::begin_next(const Site& site) {
  std::vector<Upload> waiting;
  {
    const std::lock_guard lock(spool_);
    TANDEM_TRY(const auto running, site.spool.list(UploadState::running));
    if (!running.empty()) return {};
    TANDEM_TRY(waiting, site.spool.list(UploadState::waiting));
  }
  for (const auto& upload : waiting) {
    const auto ours = is_ours(site, upload);
    if (ours && *ours) return begin(site, upload);
    if (!ours) site.note(std::unexpected(ours.error()));
  }
  return {};
}

// Asked where nothing comes between: a runbook may have begun a moment ago.
Result<void> ImportKeeper::begin(const Site& site, const Upload& upload) {
  auto& agent = site.agent;
  const sites::Layout layout{.state = agent.settings().state_folder};
  TANDEM_TRY(const auto environment, agent.ports().files.status(layout.current_environment(site.site.domain)));
  if (!environment) return failed("uploads wait: no release is served yet", "tandem deploy " + site.site.domain);
  const auto allowed = [&]() -> Result<void> {
    bool may = false;
    agent.on_loop(
        [&] { may = agent.may_serve() && agent.on_duty() && !site.duties.runs().is_open() && agent.changing() == 0; });
    return may ? Result<void>() : fail(ErrorKind::unavailable, "something else decides at the moment");
  };
  if (!allowed()) return {};
  auto services = agent.services_while(allowed);
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(site.spool.begin(upload));
  const auto begun = services.begin(system::UnitDeed::start, sites::import_service(site.site.domain));
  return !begun && begun.error().kind == ErrorKind::unavailable ? Result<void>() : begun;
}

Result<void> ImportKeeper::hand_over(const Site& site) {
  const auto& primary = site.now.standing.primary;
  const auto known = std::ranges::find(site.now.peers, primary, &peer::PeerState::name);
  if (known == site.now.peers.end() || !known->connected) return {};
  std::vector<Upload> waiting;
  {
    const std::lock_guard lock(spool_);
    TANDEM_TRY(waiting, site.spool.list(UploadState::waiting));
  }
  for (const auto& upload : waiting) {
    const auto handed = hand_one(site, upload, primary);
    site.note(handed);
    if (!handed && handed.error().kind == ErrorKind::unavailable && upload.offered == primary)
      break; // so will the next
  }
  return {};
}

Result<void> ImportKeeper::hand_one(const Site& site, const Upload& upload, const std::string& primary) {
  if (upload.offered != primary) {
    TANDEM_TRY(const bool ours, is_ours(site, upload));
    if (!ours) return {};
  }
  TANDEM_CHECK(send(site, upload, primary));
  site.agent.log(fmt::format("{} for {} is with {} now", upload.name, site.site.domain, primary));
  return {};
}

Result<void> ImportKeeper::send(const Site& site, const Upload& upload, const std::string& primary) {
  {
    const std::lock_guard lock(spool_);
    TANDEM_CHECK(site.spool.offer(upload, primary));
  }
  auto params = upload_json(upload);
  params["domain"] = site.site.domain;
  params["inbox"] = upload.inbox;
  const auto path = site.spool.content(UploadState::waiting, upload);
  std::uint64_t offset = 0;
  bool known = false;
  do {
    TANDEM_TRY(const auto bytes, site.agent.ports().uploads->read_part(path, offset, part_size));
    if (bytes.empty() && offset < upload.size) return failed(path + " is shorter than it was");
    params["offset"] = offset;
    params["data"] = to_base64(bytes);
    TANDEM_TRY(const auto answer,
               ask_server(site.agent, primary, "imports.put", params, {.time_limit = part_patience}));
    known = answer.value("known", false);
    offset += bytes.size();
  } while (!known && offset < upload.size);
  const std::lock_guard lock(spool_);
  return site.spool.hand(upload, primary);
}

void ImportKeeper::describe_import(const Site& site) {
  Json told{{"domain", site.site.domain}};
  auto& problems = site.look.problems;
  const std::lock_guard lock(spool_);
  const auto counts = site.spool.count();
  if (!counts) return problems.push_back(describe(counts.error()));
  told["counts"] = *counts;
  for (const auto& [state, name] :
       {std::pair{UploadState::waiting, "waiting"}, std::pair{UploadState::running, "running"},
        std::pair{UploadState::failed, "failed"}}) {
    told[name] = Json::array();
    const auto uploads = site.spool.list(state);
    if (!uploads) problems.push_back(describe(uploads.error()));
    for (const auto& upload : uploads.value_or(std::vector<Upload>{})) {
      if (told[name].size() == most_told) break;
      told[name].push_back(upload_json(upload));
      if (state == UploadState::failed)
        problems.push_back(fmt::format("{} failed: {} (`tandem imports log {}` shows what it said)", site.words(upload),
                                       upload.why, upload.id));
    }
  }
  const auto done = site.spool.done(most_told);
  if (!done) problems.push_back(describe(done.error()));
  told["done"] = Json::array();
  for (const auto& one : done.value_or(std::vector<sites::DoneUpload>{})) {
    auto entry = upload_json(one.upload);
    entry["fate"] = one.fate == sites::UploadFate::dropped ? "dropped" : "imported";
    entry["at"] = utc_text(std::chrono::sys_seconds(std::chrono::seconds(one.at)));
    told["done"].push_back(std::move(entry));
  }
  site.look.imports.push_back(std::move(told));
}

// Nothing of it is lost, and somebody should know.
void ImportKeeper::find_left_over(Agent& agent, const model::Pair& pair, Look& look) {
  for (const auto& domain : sites_with_uploads(agent)) {
    const auto* site = pair.site(domain);
    if (site != nullptr && site->import) continue;
    const std::lock_guard lock(spool_);
    auto spool = spool_at(agent, domain);
    if (!spool) continue;
    for (const auto& done : {spool->end_taking(), spool->finish_taking(), collect(agent, domain, *spool, true)})
      if (!done) look.problems.push_back(describe(done.error()));
    const auto held = uploads_held(agent, domain);
    for (const auto& [state, number] : held.value_or(std::map<std::string, std::size_t>{}))
      look.problems.push_back(fmt::format("{} uploads for {}, which has no import any more, lie in {}/{}", number,
                                          domain, sites::Layout{}.imports(domain), state));
  }
}

void ImportKeeper::add_status(const OperationContext& context, Json& status) {
  Look look;
  context.agent().on_loop([&] { look = latest_; });
  if (!look.imports.empty()) status["imports"] = std::move(look.imports);
  for (auto& problem : look.problems)
    status["problems"].push_back(std::move(problem));
}

} // namespace tandem::agent
