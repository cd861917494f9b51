#include "agent/import_keeper.hpp"

#include "agent/configuration.hpp"
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

Result<ImportSpool> spool_at(Agent& agent, const std::string& domain) {
  if (agent.ports().uploads == nullptr) return failed("this agent cannot look after uploads");
  TANDEM_TRY(const auto accounts, agent.ports().accounts.read());
  const auto* group = accounts.group("www-data");
  if (group == nullptr) return failed("there is no group www-data", "tandem apply");
  return ImportSpool(agent.ports().files, *agent.ports().uploads, agent.ports().clock, sites::Layout{}.imports(domain),
                     {0, group->gid});
}

bool runs(const system::LoadedUnit& unit) {
  return unit.queued || (unit.active != "inactive" && unit.active != "failed");
}

// What the run's own processes wrote, not what systemd says about them.
std::string log_of(Agent& agent, const std::string& unit) {
  const auto told = agent.ports().processes.run(
      {.arguments = {"journalctl", "-q", "--no-pager", "-o", "short-iso", "-n", "500", "_SYSTEMD_UNIT=" + unit},
       .time_limit = std::chrono::seconds(20)},
      {});
  return told ? told->output : describe(told.error());
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

Result<Upload> upload_of(const Json& params) {
  Upload upload;
  TANDEM_TRY(upload.id, peer::text_member(params, "id"));
  TANDEM_TRY(upload.name, peer::text_member(params, "name"));
  TANDEM_TRY(upload.server, peer::text_member(params, "server"));
  TANDEM_TRY(upload.inbox, peer::text_member(params, "inbox"));
  TANDEM_TRY(upload.size, peer::number_member(params, "size"));
  TANDEM_TRY(const auto interruptions, peer::number_member(params, "interruptions"));
  upload.interruptions = static_cast<std::uint32_t>(interruptions);
  if (!sites::is_upload_id(upload.id) || !sites::is_upload_name(upload.name))
    return fail(ErrorKind::invalid, "an upload without a proper id or name");
  return upload;
}

} // namespace

struct ImportKeeper::Site {
  Agent& agent;
  DutyKeeper& duties;
  const Snapshot& now;
  const model::Site& site;
  ImportSpool& spool;

  [[nodiscard]] std::string words(const Upload& upload) const {
    return fmt::format("the import of {} for {}", upload.name, site.domain);
  }
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
  for (const auto& site : now.pair->sites) {
    if (!site.import) continue;
    auto spool = spool_at(agent, site.domain);
    if (!spool) {
      look.problems.push_back(describe(spool.error()));
      continue;
    }
    const Site all{agent, duties, now, site, *spool};
    if (const auto done = look_after(all, part); !done)
      look.problems.push_back(fmt::format("the import of {}: {}", site.domain, describe(done.error())));
    describe_import(all, look);
  }
  find_left_over(agent, *now.pair, look);
  agent.on_loop([&] { latest_ = std::move(look); });
}

Result<void> ImportKeeper::look_after(const Site& site, DutyKeeper::Part part) {
  {
    const std::lock_guard lock(spool_);
    TANDEM_CHECK(site.spool.prepare());
    TANDEM_CHECK(collect(site));
    TANDEM_CHECK(site.spool.finish_taking());
    TANDEM_CHECK(take_in(site));
  }
  if (part == DutyKeeper::Part::primary) return begin_next(site);
  return part == DutyKeeper::Part::standby ? hand_over(site) : Result<void>();
}

Result<void> ImportKeeper::take_in(const Site& site) {
  for (const auto& inbox : site.now.pair->inboxes(site.site))
    TANDEM_CHECK(take_from(site, inbox));
  return {};
}

// In the order in which they were finished.
Result<void> ImportKeeper::take_from(const Site& site, const std::string& inbox) {
  auto& files = site.agent.ports().files;
  const auto names = files.list(inbox);
  if (!names && names.error().kind == ErrorKind::not_found) return {};
  if (!names) return std::unexpected(names.error());
  TANDEM_TRY(const auto since, site.spool.since());
  std::vector<Upload> ready;
  for (const auto& name : *names) {
    const auto path = inbox + "/" + name;
    if (!sites::takes(*site.site.import, name)) continue;
    TANDEM_TRY(const auto status, files.status(path));
    if (!status || status->type != system::FileType::regular || status->changed_ns <= since) continue;
    if (is_settled(site, path, *status))
      ready.push_back({.name = name,
                       .server = site.now.server,
                       .inbox = path,
                       .size = status->size,
                       .modified_ns = status->modified_ns});
  }
  std::ranges::sort(ready, {}, &Upload::modified_ns);
  for (auto& upload : ready) {
    const auto written = site.agent.ports().uploads->is_being_written(upload.inbox);
    if (!written || *written) continue; // or it has just been taken away, or is something else by now
    upload.id = sites::upload_id(site.agent.ports().clock.wall_time(), site.now.server, ++taken_);
    TANDEM_CHECK(site.spool.take(upload));
    seen_.erase(upload.inbox);
    site.agent.log(fmt::format("{} of {} B has arrived for {}", upload.name, upload.size, site.site.domain));
  }
  return {};
}

bool ImportKeeper::is_settled(const Site& site, const std::string& path, const system::FileStatus& status) {
  const auto now = site.agent.ports().clock.boot_time();
  auto& seen = seen_[path];
  const bool same = seen.since.count() != 0 && seen.size == status.size && seen.modified_ns == status.modified_ns;
  if (!same) seen = {.size = status.size, .modified_ns = status.modified_ns, .since = now};
  return same && now - seen.since >= settled_after;
}

Result<void> ImportKeeper::collect(const Site& site) {
  TANDEM_TRY(const auto running, site.spool.list(UploadState::running));
  if (running.empty()) return {};
  const auto unit = sites::import_service(site.site);
  TANDEM_TRY(const auto loaded, site.agent.ports().services.loaded(unit));
  if (std::ranges::any_of(loaded, runs)) return {};
  for (const auto& upload : running) {
    TANDEM_TRY(const auto ending, site.spool.end(upload, [&] { return log_of(site.agent, unit); }));
    if (ending.kind == ImportEnding::Kind::succeeded) site.agent.log(site.words(upload) + " is done");
    if (ending.kind == ImportEnding::Kind::failed) site.agent.log(site.words(upload) + " failed: " + ending.why);
    if (ending.kind == ImportEnding::Kind::interrupted)
      site.agent.log(site.words(upload) + " was cut off, may have done a part, and is repeated");
  }
  return {};
}

Result<bool> ImportKeeper::is_ours(const Site& site, const Upload& upload) {
  if (upload.offered.empty()) return true;
  bool ours = true; // of one that has left the pair nobody can ask
  if (upload.offered != site.now.server && site.now.pair->server(upload.offered) != nullptr) {
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
  std::optional<Error> problem;
  for (const auto& upload : waiting) {
    const auto ours = is_ours(site, upload);
    if (ours && *ours) return begin(site, upload);
    if (!ours && !problem) problem = ours.error();
  }
  return problem ? Result<void>(std::unexpected(*problem)) : Result<void>();
}

// Asked where nothing comes between: a runbook may have begun a moment ago.
Result<void> ImportKeeper::begin(const Site& site, const Upload& upload) {
  auto& agent = site.agent;
  const sites::Layout layout{.state = agent.settings().state_folder};
  TANDEM_TRY(const auto environment, agent.ports().files.status(layout.current_environment(site.site.domain)));
  if (!environment) return failed("uploads wait: no release is served yet", "tandem deploy " + site.site.domain);
  auto services = agent.services_while([&]() -> Result<void> {
    bool may = false;
    agent.on_loop(
        [&] { may = agent.may_serve() && agent.on_duty() && !site.duties.runs().is_open() && agent.changing() == 0; });
    return may ? Result<void>() : fail(ErrorKind::unavailable, "something else decides at the moment");
  });
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(site.spool.begin(upload));
  const auto begun = services.begin(system::UnitDeed::start, sites::import_service(site.site));
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
    if (upload.offered != primary) {
      TANDEM_TRY(const bool ours, is_ours(site, upload));
      if (!ours) continue;
    }
    TANDEM_CHECK(send(site, upload, primary));
    site.agent.log(fmt::format("{} for {} is with {} now", upload.name, site.site.domain, primary));
  }
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

Result<Json> ImportKeeper::receive(OperationContext& context) {
  const auto& params = context.params();
  TANDEM_TRY(const auto upload, upload_of(params));
  TANDEM_TRY(const auto domain, peer::text_member(params, "domain"));
  TANDEM_TRY(const auto offset, peer::number_member(params, "offset"));
  TANDEM_TRY(const auto data, peer::text_member(params, "data"));
  TANDEM_TRY(const auto bytes, from_base64(data));
  const auto now = context.snapshot();
  if (now.standing.primary != now.server)
    return fail(ErrorKind::refused, now.server + " is not the primary, which alone imports");
  const auto* site = now.pair ? now.pair->site(domain) : nullptr;
  if (site == nullptr || !site->import)
    return fail(ErrorKind::refused, fmt::format("{} has no import on {}", domain, now.server), "tandem apply");
  TANDEM_TRY(auto spool, spool_at(context.agent(), domain));
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(spool.prepare());
  TANDEM_TRY(const bool known, spool.knows(upload.id));
  if (!known) TANDEM_CHECK(spool.receive(upload, offset, bytes));
  return Json{{"known", known}};
}

Result<Json> ImportKeeper::give_back(OperationContext& context) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "domain"));
  TANDEM_TRY(const auto id, peer::text_member(context.params(), "id"));
  const auto now = context.snapshot();
  if (!now.pair || now.pair->site(domain) == nullptr || !sites::is_upload_id(id))
    return fail(ErrorKind::refused, fmt::format("{} knows no such upload", now.server));
  TANDEM_TRY(auto spool, spool_at(context.agent(), domain));
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(spool.prepare());
  TANDEM_TRY(const bool yours, spool.give_back(id, context.from()));
  return Json{{"yours", yours}};
}

Result<Json> ImportKeeper::decide_here(OperationContext& context, const std::string& what, const std::string& id) {
  const auto now = context.snapshot();
  if (!now.pair) return fail(ErrorKind::unavailable, "tandem.toml cannot be read", "tandem check");
  for (const auto& site : now.pair->sites) {
    if (!site.import) continue;
    TANDEM_TRY(auto spool, spool_at(context.agent(), site.domain));
    const std::lock_guard lock(spool_);
    if (what == "log") {
      if (const auto log = spool.log(id)) return Json{{"server", now.server}, {"log", *log}};
      continue;
    }
    const auto done = what == "retry" ? spool.retry(id) : spool.drop(id);
    if (done) return Json{{"server", now.server}};
    if (done.error().kind != ErrorKind::not_found) return std::unexpected(done.error());
  }
  return fail(ErrorKind::not_found, fmt::format("{} has no upload {} for that", now.server, id),
              "tandem imports lists them");
}

Result<Json> ImportKeeper::decide(OperationContext& context) {
  for (const auto* what : {"retry", "drop", "log"}) {
    if (!context.params().contains(what)) continue;
    TANDEM_TRY(const auto id, peer::text_member(context.params(), what));
    if (!sites::is_upload_id(id))
      return fail(ErrorKind::invalid, "\"" + id + "\" is no upload's id", "tandem imports lists them");
    auto here = decide_here(context, what, id);
    if (here || here.error().kind != ErrorKind::not_found || context.caller() == Caller::peer) return here;
    for (const auto& peer : context.snapshot().peers) {
      if (!peer.connected) continue;
      auto there = context.call_peer(peer.name, "imports", context.params());
      if (there) return there;
    }
    return fail(ErrorKind::not_found, fmt::format("no server has an upload {} for that", id),
                "tandem imports lists them; a server that does not answer was not asked");
  }
  return fail(ErrorKind::invalid, "what is to be done with which upload?");
}

void ImportKeeper::describe_import(const Site& site, Look& look) {
  Json told{{"domain", site.site.domain}};
  const std::lock_guard lock(spool_);
  for (const auto& [state, name] :
       {std::pair{UploadState::waiting, "waiting"}, std::pair{UploadState::running, "running"},
        std::pair{UploadState::failed, "failed"}}) {
    told[name] = Json::array();
    const auto uploads = site.spool.list(state);
    if (!uploads) look.problems.push_back(describe(uploads.error()));
    if (!uploads) continue;
    for (const auto& upload : *uploads)
      if (told[name].size() < most_told) told[name].push_back(upload_json(upload));
    if (state == UploadState::failed)
      for (const auto& upload : *uploads)
        look.problems.push_back(fmt::format("{} failed: {} (`tandem imports log {}` shows what it said)",
                                            site.words(upload), upload.why, upload.id));
  }
  const auto done = site.spool.done(most_told);
  if (!done) look.problems.push_back(describe(done.error()));
  told["done"] = Json::array();
  for (const auto& one : done.value_or(std::vector<sites::DoneUpload>{})) {
    if (one.fate == sites::UploadFate::handed) continue; // the other server tells of it
    auto entry = upload_json(one.upload);
    entry["fate"] = one.fate == sites::UploadFate::dropped ? "dropped" : "imported";
    entry["at"] = utc_text(std::chrono::sys_seconds(std::chrono::seconds(one.at)));
    told["done"].push_back(std::move(entry));
  }
  look.imports.push_back(std::move(told));
}

// Of an import that has left tandem.toml nothing is lost, and somebody should know.
void ImportKeeper::find_left_over(Agent& agent, const model::Pair& pair, Look& look) {
  const auto imports = sites::Layout{}.imports("");
  const auto domains = agent.ports().files.list(imports.substr(0, imports.size() - 1));
  for (const auto& domain : domains.value_or(std::vector<std::string>{})) {
    const auto* site = pair.site(domain);
    if (site != nullptr && site->import) continue;
    for (const auto* state : {"waiting", "failed"})
      if (const auto left = agent.ports().files.list(imports + domain + "/" + state); left && !left->empty())
        look.problems.push_back(fmt::format("{} uploads for {}, which has no import any more, lie in {}{}/{}",
                                            left->size(), domain, imports, domain, state));
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
